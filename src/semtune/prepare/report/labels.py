"""What the report's codes are called on the page: kinds of sources, leaks, ways to make questions, languages."""

from __future__ import annotations

from semtune.languages.identify import UNKNOWN

KINDS = {
    "folder": "a folder of documents",
    "file": "one document",
    "table": "a table",
    "tables": "one table per split",
    "splits": "a folder with one table per split",
    "beir": "a BEIR folder",
    "hub": "a retrieval task in mteb's tables",
    "marco": "a folder in MS MARCO's layout",
    "dataset": "a finished data set, unchanged",
    "python-docs": "the documentation of Python",
}
LENGTHS = {
    "documents": "documents, as they are indexed",
    "passages": "passages, as they are judged",
    "queries": "questions",
}
LEAKS = {
    "document": "documents labelled in both",
    "group": "groups (a document, a module, a topic) that are in both",
    "text": "questions or passages that differ only in case and white space",
    "near-duplicate question": "questions that are nearly the same",
    "near-duplicate passage": "passages that are nearly the same, or contain a copy",
    "scored pair": "scored pairs that are the same",
    "labelled text": "texts with a class that are the same",
    "near-duplicate labelled text": "texts with a class that are nearly the same",
    "near-duplicate scored pair": "scored pairs that are nearly the same",
}
SOURCES = {
    "heading": "titles and headings",
    "summary": "first sentences of docstrings",
    "faq": "headings and lines that are questions",
    "definition": "terms that are defined",
    "link": "texts of links",
    "neighbour": "passages, with the next passage as the answer",
    "cloze": "sentences, for the rest of their passage",
    "crop": "one half of a passage, for the other",
    "list_item": "lines before a list, for its items",
    "comment": "comments in code, for the code below",
    "synthetic": "questions written by a language model",
}
MINING = {
    "per_pair": "negatives of each training pair",
    "pairs": "training pairs with negatives",
    "mined": "negatives found in the requested ranks",
    "filled": "negatives drawn at random, because those ranks held too few",
    "repeated": "negatives repeated, because the corpus holds too few",
    "given": "negatives from the source",
    "given_left_out": "negatives from the source that were left out: labelled relevant, or too many",
    "pairs_left_out": "training pairs left out: no passage can be their negative",
    "judged": "questions and passages scored by the reranker",
    "suspected": "passages refused because they may be correct answers without a label",
    "to_review": "of these, passages listed in review.jsonl for people to decide",
    "truncated": "passages of which the search read only the beginning",
}
LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "gu": "Gujarati", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian or Malay", "it": "Italian",
    "ja": "Japanese", "ka": "Georgian", "km": "Khmer", "kn": "Kannada", "ko": "Korean", "lo": "Lao",
    "lt": "Lithuanian", "ml": "Malayalam", "my": "Burmese", "nb": "Norwegian", "nl": "Dutch", "pa": "Punjabi",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "si": "Sinhala", "sk": "Slovak",
    "sr": "Serbian", "sv": "Swedish", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
    "und-Deva": "in Devanagari (Hindi, Marathi, Nepali ...)", "und-Ethi": "in Ethiopic script (Amharic ...)",
    "und-Hebr": "in Hebrew script", UNKNOWN: "unknown",
}  # fmt: skip
