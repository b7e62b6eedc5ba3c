"""Codes and names of languages: ISO 639-1, ISO 639-3 and English names.

Data sets name languages in both ways ("deu" in Tatoeba, "de" in XQuAD); here a language has its two-letter code, or the
three-letter one where it has no other. Names are those of the IANA Language Subtag Registry.
"""

from __future__ import annotations

_LANGUAGES = """
af afr Afrikaans
am amh Amharic
an arg Aragonese
ar ara Arabic
as asm Assamese
az aze Azerbaijani
ba bak Bashkir
be bel Belarusian
bg bul Bulgarian
bn ben Bengali
br bre Breton
bs bos Bosnian
ca cat Catalan
ce che Chechen
ch cha Chamorro
cs ces Czech
cv chv Chuvash
cy cym Welsh
da dan Danish
de deu German
dz dzo Dzongkha
el ell Greek
en eng English
eo epo Esperanto
es spa Spanish
et est Estonian
eu eus Basque
fa fas Persian
fi fin Finnish
fo fao Faroese
fr fra French
fy fry Western Frisian
ga gle Irish
gd gla Scottish Gaelic
gl glg Galician
gn grn Guarani
gu guj Gujarati
ha hau Hausa
he heb Hebrew
hi hin Hindi
hr hrv Croatian
ht hat Haitian
hu hun Hungarian
hy hye Armenian
ia ina Interlingua
id ind Indonesian
ie ile Interlingue
ig ibo Igbo
io ido Ido
is isl Icelandic
it ita Italian
ja jpn Japanese
jv jav Javanese
ka kat Georgian
kk kaz Kazakh
kl kal Kalaallisut
km khm Khmer
kn kan Kannada
ko kor Korean
ku kur Kurdish
kw cor Cornish
ky kir Kyrgyz
la lat Latin
lb ltz Luxembourgish
lg lug Ganda
ln lin Lingala
lo lao Lao
lt lit Lithuanian
lv lav Latvian
mg mlg Malagasy
mi mri Maori
mk mkd Macedonian
ml mal Malayalam
mn mon Mongolian
mr mar Marathi
ms msa Malay
mt mlt Maltese
my mya Burmese
nb nob Norwegian Bokmål
ne nep Nepali
nl nld Dutch
nn nno Norwegian Nynorsk
no nor Norwegian
oc oci Occitan
om orm Oromo
or ori Odia
os oss Ossetian
pa pan Punjabi
pl pol Polish
ps pus Pashto
pt por Portuguese
qu que Quechua
ro ron Romanian
ru rus Russian
rw kin Kinyarwanda
sa san Sanskrit
se sme Northern Sami
si sin Sinhala
sk slk Slovak
sl slv Slovenian
sn sna Shona
so som Somali
sq sqi Albanian
sr srp Serbian
st sot Southern Sotho
sv swe Swedish
sw swa Swahili
ta tam Tamil
te tel Telugu
tg tgk Tajik
th tha Thai
tk tuk Turkmen
tl tgl Tagalog
tr tur Turkish
tt tat Tatar
ug uig Uyghur
uk ukr Ukrainian
ur urd Urdu
uz uzb Uzbek
vi vie Vietnamese
vo vol Volapük
wa wln Walloon
xh xho Xhosa
yi yid Yiddish
yo yor Yoruba
zh zho Chinese
zu zul Zulu
ang ang Old English
arq arq Algerian Arabic
arz arz Egyptian Arabic
ast ast Asturian
awa awa Awadhi
ber ber Berber
cbk cbk Chavacano
ceb ceb Cebuano
csb csb Kashubian
dsb dsb Lower Sorbian
dtp dtp Kadazan Dusun
gsw gsw Swiss German
hsb hsb Upper Sorbian
kab kab Kabyle
kzj kzj Coastal Kadazan
lfn lfn Lingua Franca Nova
max max North Moluccan Malay
mhr mhr Eastern Mari
nds nds Low German
nov nov Novial
orv orv Old Russian
pam pam Pampanga
pms pms Piemontese
swg swg Swabian
tzl tzl Talossan
war war Waray
wuu wuu Wu Chinese
yue yue Cantonese
"""
_INDIVIDUAL = {
    "als": "sq", "arb": "ar", "azj": "az", "cmn": "zh", "ekk": "et", "khk": "mn", "kmr": "ku", "lvs": "lv", "npi":
    "ne", "ory": "or", "pes": "fa", "plt": "mg", "swh": "sw", "uzn": "uz", "ydd": "yi", "zsm": "ms",
}  # fmt: skip
"""The standard form of a language that ISO 639-3 counts as several → the code of them all."""
_ROWS = [line.split(maxsplit=2) for line in _LANGUAGES.split("\n") if line]
_NAMES = {code: name for code, _, name in _ROWS}
_SHORT = {three: code for code, three, _ in _ROWS} | _INDIVIDUAL


def short_code(code: str) -> str:
    """The two-letter code of a language where it has one: "de" for "deu" and "de-AT", "zh" for "cmn".

    Example:
        >>> [short_code(code) for code in ("deu", "pt_BR", "cmn", "kab", "anything")]
        ['de', 'pt', 'zh', 'kab', 'anything']
    """
    plain = code.lower().replace("_", "-").partition("-")[0]
    return _SHORT.get(plain, plain)


def language_name(code: str) -> str:
    """The English name of a language by either code; the code itself where it is not known.

    Example:
        >>> language_name("deu"), language_name("zh"), language_name("xxx")
        ('German', 'Chinese', 'xxx')
    """
    return _NAMES.get(short_code(code), code)
