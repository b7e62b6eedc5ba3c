"""What languages texts are in, told by their script and their commonest words; "unknown" where these do not say.

Deliberately small: a look for people at what a source holds, not a classifier to build on. A script that one great
language writes tells it at once; Latin, Cyrillic and Arabic letters are told apart by function words. Of a short text
one function word is enough where no other language is likelier than one that much of the set is in.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

LOOKED_AT = 20_000  # texts at most, evenly spread
HEAD = 1_000  # characters of each
MIN_LETTERS = 4
MIN_HITS = 1.4  # function words, those shared between languages counting for a part
MIN_SHARE = 0.08  # of the words
MARGIN = 1.3  # over the second best
USUAL = 0.2  # of the texts whose language is told: what makes a language usual
UNKNOWN = "unknown"

# The script's first word in Unicode's character names → the language that it tells, or und-Xxxx where there are several.
SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "GREEK": "el", "HEBREW": "und-Hebr", "THAI": "th",
    "GEORGIAN": "ka", "ARMENIAN": "hy", "DEVANAGARI": "und-Deva", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te",
    "MALAYALAM": "ml", "KANNADA": "kn", "GUJARATI": "gu", "GURMUKHI": "pa", "KHMER": "km", "LAO": "lo", "MYANMAR": "my",
    "ETHIOPIC": "und-Ethi", "SINHALA": "si",
}  # fmt: skip
SHARED = {"LATIN", "CYRILLIC", "ARABIC"}
_WORDS = {
    "en": "a the of and to in is that for it with as was on are this be by at from or an not have you which can but they has what when if your how does i we my there his her he she will do did would into some out up over than then more no only about after she him them were been who where",
    "de": "der die das und ist von mit den im zu des nicht ein eine für auf dem sich als auch es an werden aus er sie bei nach wird oder wie ich wir sind einen einer wurde zur zum über war was hat haben kann du",
    "fr": "le la les de des et est un une du en que qui dans pour pas au sur par plus avec ce il ne se sont aux cette ou vous nous être comme l d qu je elle été était ont mais c",
    "es": "el la los las de y en que es un una del por con para se no al como más su lo está son fue o sus pero esta este ser entre también hay yo qué le ha muy cuando",
    "it": "il lo la gli le di e è che un una per non con del della in si da dei sono nel al alla come più anche ha questo delle mi ti ma se ho io nella era stato dal",
    "pt": "o a os as de e que do da em um uma para com não é por no na dos se mais como ao das foi são seu sua ou está eu ele você à também isso pelo pela ser tem mas",
    "nl": "de het een en van in is dat op te met voor niet zijn aan er die als om ook bij maar door wordt of naar ik je hij uit deze over was dan nog heeft worden wat zij",
    "pl": "w i na z się nie do jest to że o jak po co od za przez dla są ale tym ten być oraz który która jego czy już tego może ma było by tak jej",
    "sv": "och att det i en som är på av för med den till inte ett om har de jag var kan från när men vi så ska du han hon sig eller också",
    "da": "og at det i en er på af til for den med de som ikke et har han jeg var kan fra men når vi der skal om sig også eller hun blev mig hvad du",
    "nb": "og at det i en er på av til for den med de som ikke et har han jeg var kan fra men når vi skal om seg også eller hun ble meg hva du noe",
    "fi": "ja on ei se että oli hän ovat mutta kun joka tai myös jos niin minä sen ole olen mitä tämä kuin voi mukaan sekä jonka hänen tom ovat vain",
    "cs": "a je v na se že to s z do o ale jako by pro jsem si k i za jsou od po co který která byl jeho není nebo ve já tak už když",
    "sk": "a je v na sa že to s z do o ale ako by pre som si k aj za sú od po čo ktorý ktorá bol jeho nie alebo vo ja tak už keď",
    "hu": "a az és hogy nem is egy van ez meg csak de ha mint volt én azt már ki vagy el minden kell itt nagyon mit tom még lehet után",
    "ro": "și de în la a cu nu o pe este că un din se pentru care mai au sunt fi ce să o prin ca al sau am fost ale lui dar dacă iar după",
    "tr": "ve bir bu da de için ile çok ne o var mı gibi daha olarak ben en ama sonra kadar değil olan mi yok her şey biz ki tarafından olduğu",
    "ca": "el la els les de i en que és un una del per amb no al com més es va ha són dels aquest aquesta però també jo què als seva",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam akan pada adalah saya ke dia anda kami ada bisa sudah juga atau oleh kita apa mereka",
    "vi": "là và của có không được trong cho này một các với những đã người tôi khi đến để từ như bạn ở nó anh ấy rất",
    "lt": "ir yra kad ne į su iš tai buvo kaip bet ar per apie jis aš ji dėl jo nuo po labai turi mes prie",
    "ru": "и в не на что с как это по но из у за от для так же вы он она мы все к бы было о его то я или был если чем меня мне",
    "uk": "і в не на що з як це та але у за від для є він вона ми до був або його його було ти якщо я про який чи",
    "bg": "и в не на че с как това по но от за да е са се той тя ние към беше си ще като при му или аз има",
    "sr": "и у не на да је се то са али од за су као он она ми што који била бити ће или из",
    "ar": "في من على إلى أن هذا هذه التي الذي لا ما كان عن مع هو هي لم قد كل و أو بعد هل لقد كانت",
    "fa": "و در به از که این است را با برای آن یک خود تا کرد بر هم نیز شود شد دارد من او بود",
    "ur": "کے میں کی ہے اور سے کا کو ہیں نے پر کہ اس یہ بھی ایک تھا کیا نہیں وہ",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
# Letters that one of these languages writes and hardly any other: as good as a word.
_MARKS = {
    "ß": "de", "ñ": "es", "¿": "es", "¡": "es", "ã": "pt", "õ": "pt", "ł": "pl", "ś": "pl", "ż": "pl", "ć": "pl", "ř": "cs",
    "ě": "cs", "ů": "cs", "ľ": "sk", "ő": "hu", "ű": "hu", "ğ": "tr", "ı": "tr", "ș": "ro", "ț": "ro", "ţ": "ro", "œ": "fr",
    "ė": "lt", "į": "lt", "ї": "uk", "є": "uk", "ґ": "uk", "ы": "ru", "э": "ru", "ђ": "sr", "ћ": "sr", "љ": "sr", "њ": "sr",
    "ờ": "vi", "ư": "vi", "ạ": "vi", "ế": "vi", "گ": "fa", "پ": "fa", "ے": "ur", "ٹ": "ur", "ں": "ur",
}  # fmt: skip


def language(text: str, among: Collection[str] = ()) -> str:
    """The language of a text: a code of ISO 639-1, "und-" and a script where only that is sure, or "unknown".

    Args:
        text: its beginning is looked at.
        among: languages to choose from; less of a text then tells its language.
    """
    head = text[:HEAD].casefold()
    letters = Counter(head)
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        if letter.isalpha():
            scripts[_script(letter)] += count
    if not scripts or (
        scripts.total() < MIN_LETTERS and not (scripts.keys() & {"HIRAGANA", "KATAKANA", "CJK", "HANGUL"})
    ):
        return UNKNOWN
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if kana + scripts["CJK"] > 0.3 * scripts.total():
        return "ja" if kana > 0.1 * (kana + scripts["CJK"]) else "zh"
    script, most = scripts.most_common(1)[0]
    if most < 0.6 * scripts.total():
        return UNKNOWN
    return _by_words(head, letters, among) if script in SHARED else SCRIPTS.get(script, UNKNOWN)


def mix(texts: Sequence[str], homes: Sequence[str] = ()) -> dict[str, int]:
    """Language → how many of the texts, the most frequent first; of many texts a part, evenly spread, is looked at.

    Args:
        texts: what to look at.
        homes: for each the text that it was taken from, or an empty one; it is asked where a text says too little.
    """
    step = -(-len(texts) // LOOKED_AT) or 1
    return dict(sorted(Counter(tell(texts[::step], homes[::step])).items(), key=lambda item: (-item[1], item[0])))


def tell(texts: Sequence[str], homes: Sequence[str] = ()) -> list[str]:
    """The language of each text; what says too little by itself is told by its home, or by what is usual in the set."""
    told = [language(text) for text in texts]
    for place, home in enumerate(homes):
        if told[place] == UNKNOWN:
            told[place] = language(home)
    known = Counter(code for code in told if code != UNKNOWN)
    usual = [code for code, count in known.items() if count >= USUAL * known.total()]
    for place, code in enumerate(told):
        if code == UNKNOWN and usual:
            told[place] = language(texts[place], usual)
    return told


@lru_cache(maxsize=1 << 14)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _by_words(text: str, letters: Mapping[str, int], among: Collection[str]) -> str:
    words = _WORD.findall(text)
    scores: dict[str, float] = {}
    long: set[str] = set()  # languages with a hit of two letters or more: products and formulas are full of single ones
    for word in filter(_OWNERS.__contains__, words):
        owners = _OWNERS[word]
        weight = 1 / len(owners) ** 0.5
        for code in owners:
            scores[code] = scores.get(code, 0.0) + weight
        if len(word) > 1:
            long.update(owners)
    for letter in _MARKS.keys() & letters.keys():
        scores[_MARKS[letter]] = scores.get(_MARKS[letter], 0.0) + 1
        long.add(_MARKS[letter])
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    if not best or best[0][1] < MIN_SHARE * len(words):
        return UNKNOWN
    if among:  # the usual language may tie with unusual ones, but none may be likelier
        best = [(code, score) for code, score in best if code in among and score == best[0][1]]
    elif best[0][1] < MIN_HITS or best[0][0] not in long:
        return UNKNOWN
    return best[0][0] if len(best) == 1 or (best and best[0][1] >= MARGIN * best[1][1]) else UNKNOWN


def _owners(words: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for code, listed in words:
        for word in listed.split():
            found.setdefault(word.casefold(), {})[code] = None
    return {word: tuple(codes) for word, codes in found.items()}


_OWNERS = _owners(_WORDS.items())
