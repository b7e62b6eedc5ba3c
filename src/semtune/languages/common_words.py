"""The commonest words of languages: they tell a text's language, and a keyword query is searched without them.

Short lists on purpose: articles, pronouns, prepositions, forms of "to be". Only words that say nothing of a subject.
"""

from __future__ import annotations

_LISTS = {
    "ar": "في من على إلى عن مع هذا هذه التي الذي ما لا أن إن كان كانت هو هي ثم أو",
    "ca": "el la els les un una de del en i que per amb és no es al com més són seva aquest aquesta",
    "cs": "a i v na je se že s z do o k od pro za by jsou jako tak ale ve být které který po při",
    "da": "og i at det en den til er som på de med han af for ikke der var et har om vi men sig ved fra også eller",
    "de": "der die das und ist in den von zu mit sich des auf für im dem nicht ein eine als auch es an werden aus er "
    "hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor "
    "zur bis",
    "el": "και το της η να του ο με που την από για τα είναι των σε οι στο δεν τον στην μια ένα",
    "en": "a an and are as at be but by for from had has have he her his how i if in into is it its me my no not of "
    "on or our she so such that the their them then there these they this to was we were what when where which "
    "who why will with you your s t do does did can",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin "
    "sobre este ya entre cuando ser son está qué",
    "et": "ja on ei ta et kui oli see ka mis oma või aga ning kes siis nii välja pärast",
    "fa": "و در به از که این را با است برای آن یک خود تا بر بود هم نیز شد",
    "fi": "ja on ei se että oli hän mutta ovat kuin myös joka tai niin kun sen ole mitä ne voi jos",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec ou son "
    "aux cette d l s n ses mais comme on leur c je nous vous elle être",
    "hi": "के का की में है से और को एक यह पर हैं ने भी कि हो था नहीं इस लिए",
    "hu": "a az és hogy nem is egy van ez volt meg de csak ha mint el már még kell vagy sem",
    "hy": "և է որ են մեջ է էր ու այս հետ",
    "id": "yang dan di dari untuk dengan pada ini itu dalam tidak adalah ke akan oleh juga atau sebagai ada karena",
    "it": "di e che la il un a per è in una non sono con del le si da come dei al lo i nel alla della più ma gli "
    "anche o delle se ha questo l d",
    "lt": "ir yra į kad iš su apie buvo tai ne kaip bet nuo jis po taip už arba",
    "ne": "र को मा छ हो यो का की ले पनि थियो भने गर्न लागि",
    "nl": "de het een van en in is dat op te zijn met voor niet aan er om ook als bij door maar uit naar dan die "
    "wordt hij was of over nog",
    "no": "og i det er på som en til å av for at med den de ikke har var et om han fra men også seg ved eller kan",
    "pl": "i w na z się nie do to że jest o jak po od za przez dla co ale są ma czy tym oraz lub",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu "
    "sua ou ser quando muito há nos já está são",
    "ro": "de și în a la cu pe nu este un o care din că se mai pentru sunt ca sau fi lui au al fost",
    "ru": "и в не на что с по как это к а но из у за от о для так же то он она они был бы или его её мы вы",
    "sr": "и у је да се на за су од са не као који то али из о или",
    "sv": "och i att det som en på är av för med den till ett inte om de har han var sig från men kan så vi eller "
    "också",
    "ta": "ஒரு என்று மற்றும் இந்த அந்த என உள்ள இது அது",
    "tr": "ve bir bu da de için ile olarak çok daha olan gibi ne ama o mi kadar sonra var ya",
}
COMMON_WORDS: dict[str, frozenset[str]] = {code: frozenset(words.split()) for code, words in _LISTS.items()}
"""ISO 639-1 code → words, in lower case."""
