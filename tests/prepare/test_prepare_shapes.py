"""Every shape of source, written from real texts (or as its owner wrote it) and read: counts and a row checked by hand."""

import csv
import gzip
import json
from itertools import islice
from xml.sax.saxutils import escape

import pytest

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.read_source import read_source
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.readers.source_kind import find_kind
from semtune.prepare.records import Labels
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.audit import audit
from semtune.progress import QUIET

pytestmark = pytest.mark.data
MEDQUAD = (
    "What is (are) Adult Acute Lymphoblastic Leukemia ?",
    "Key Points - Adult acute lymphoblastic leukemia (ALL)",
)
CLAIM = ("0-dimensional biomaterials lack inductive properties.", "New opportunities: the use of nanotechnologies")
GERMAN = ("Maria sagte, sie wisse nicht, wo Tom sei.", "Mary said she didn't know where Tom was.")
SQUAD = ("How many points did the Panthers defense surrender?", "The Panthers defense gave up just 308 points")


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as source:
        yield from map(json.loads, source)


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def medquad(data, count=30):
    return list(islice(lines(data / "medquad_liveqa" / "medquad_pairs.jsonl"), count))


def flag_embedding(data, folder):
    rows = medquad(data)
    made = [{"query": r["question"], "pos": [r["answer"]], "neg": [rows[i - 1]["answer"]]} for i, r in enumerate(rows)]
    return jsonl(folder / "flag.jsonl", made)


def all_nli(data, folder):
    rows = medquad(data)
    made = [
        {"anchor": r["question"], "positive": r["answer"], "negative": rows[i - 1]["answer"]}
        for i, r in enumerate(rows)
    ]
    return jsonl(folder / "triplets.jsonl", made)


def scifact(data):
    """Claims with their first labelled abstract, as (claim's id, claim, abstract's id, abstract)."""
    folder = data / "scifact"
    texts = {d["_id"]: f"{d['title']} {d['text']}" for d in lines(folder / "corpus.jsonl")}
    claims = {q["_id"]: q["text"] for q in lines(folder / "queries.jsonl")}
    labels = [line.split("\t") for line in (folder / "qrels" / "train.tsv").read_text().splitlines()[1:]]
    return [(claim, claims[claim], document, " ".join(texts[document].split())) for claim, document, _ in labels[:50]]


def ms_marco(data, folder):
    rows = scifact(data)
    (folder / "collection.tsv").write_text("".join(f"{d}\t{text}\n" for d, text in {r[2]: r[3] for r in rows}.items()))
    (folder / "queries.train.tsv").write_text(
        "".join(f"{q}\t{text}\n" for q, text in {r[0]: r[1] for r in rows}.items())
    )
    (folder / "qrels.train.tsv").write_text("".join(f"{q}\t0\t{d}\t1\n" for q, _, d, _ in rows))
    return folder


def triples(data, folder):
    rows = scifact(data)
    path = folder / "triples.train.small.tsv"
    path.write_text("".join(f"{r[1]}\t{r[3]}\t{rows[i - 1][3]}\n" for i, r in enumerate(rows)))
    return path


def inference(data, folder):
    with (data / "stsb" / "stsb-en-dev.csv").open(encoding="utf-8") as source:
        rows = [(one, two, float(score)) for one, two, score in csv.reader(source)]
    label = {True: "entailment", False: "neutral"}
    made = [
        {"premise": one, "hypothesis": two, "label": "contradiction" if score < 1 else label[score >= 4]}
        for one, two, score in rows
    ]
    return jsonl(folder / "nli.jsonl", made)


def squad(data, folder):
    source = data / "xquad" / "beir_en"
    asked = {q["_id"]: q["text"] for q in lines(source / "queries.jsonl")}
    of = {}
    for line in (source / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, passage, _ = line.split("\t")
        of.setdefault(passage, []).append({"id": query, "question": asked[query], "answers": []})
    paragraphs = [{"context": d["text"], "qas": of[d["_id"]]} for d in lines(source / "corpus.jsonl")]
    articles = [{"title": f"article {n}", "paragraphs": paragraphs[n : n + 5]} for n in range(0, len(paragraphs), 5)]
    (folder / "squad.json").write_text(json.dumps({"version": "1.1", "data": articles}))
    return folder / "squad.json"


def translations(data):
    return [(data / "tatoeba" / f"tatoeba.deu-eng.{lang}").read_text().splitlines() for lang in ("deu", "eng")]


def tmx(data, folder):
    units = "".join(
        f'<tu><tuv xml:lang="de"><seg>{escape(de)}</seg></tuv><tuv xml:lang="en"><seg>{escape(en)}</seg></tuv></tu>'
        for de, en in zip(*translations(data), strict=True)
    )
    (folder / "memory.tmx").write_text(f'<tmx version="1.4"><header srclang="de"/><body>{units}</body></tmx>')
    return folder / "memory.tmx"


def arrow(data, folder):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({name: [row[name] for row in medquad(data)] for name in ("question", "answer")})
    path = folder / "table.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    return path


def parquet(data, folder):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(
        pa.table({name: [row[name] for row in medquad(data)] for name in ("question", "answer")}), folder / "t.parquet"
    )
    return folder / "t.parquet"


def saved(data, folder):
    datasets = pytest.importorskip("datasets")
    rows = [{"question": row["question"], "answer": row["answer"]} for row in medquad(data)]
    parts = {"train": rows[:20], "test": rows[20:]}
    datasets.DatasetDict({name: datasets.Dataset.from_list(part) for name, part in parts.items()}).save_to_disk(
        str(folder / "saved")
    )
    return folder / "saved"


def glosses(data, folder):
    return jsonl(folder / "glosses.jsonl", list(islice(lines(data / "wordnet_glosses" / "synsets.jsonl.gz"), 1000)))


def its_own(*names):
    return lambda data, _: data.joinpath(*names)


# Counts by hand: 45 claims have the first 50 labels; one inference stands twice, one repeats its premise; xquad asks
# 1,185 questions, case aside;
# of 244 matching pairs 241 differ. name: (source, roles, kind, questions, labels, (a question, how its answer begins))
LABELLED = {
    "BEIR": (its_own("scifact"), {}, "beir", 1109, 919 + 339, CLAIM),
    "BEIR, graded": (its_own("medquad_liveqa"), {}, "beir", 103, 2479 - 168, None),
    "BEIR of products": (its_own("chorus_products"), {}, "beir", 135, 3668, None),
    "MS MARCO": (ms_marco, {}, "marco", 45, 50, CLAIM),
    "triples of MS MARCO": (triples, {}, "table", 45, 50, CLAIM),
    "FlagEmbedding": (flag_embedding, {}, "table", 30, 30, MEDQUAD),
    "triplets of AllNLI": (all_nli, {}, "table", 30, 30, MEDQUAD),
    "Parquet": (parquet, {}, "table", 30, 30, MEDQUAD),
    "Arrow": (arrow, {}, "table", 30, 30, MEDQUAD),
    "saved by datasets": (saved, {}, "splits", 30, 30, MEDQUAD),
    "inference": (
        inference, {}, "table", 261, 262,
        ("A man with a hard hat is dancing.", "A man wearing a hard hat is dancing."),
    ),
    "SQuAD": (squad, {}, "table", 1185, 1185, SQUAD),
    "Tatoeba": (its_own("tatoeba", "tatoeba.deu-eng.deu"), {}, "table", 1000, 1000, GERMAN),
    "TMX": (tmx, {}, "table", 1000, 1000, GERMAN),
    "duplicates of Quora's kind, by roles": (
        its_own("covidqa_faq", "eval_question_similarity_en.csv"), {"anchor": "question_1", "positive": "question_2"},
        "table", 92, 241, ("What is a novel coronavirus?", "What is a new coronavirus?"),
    ),
    "FAQ": (
        its_own("covidqa_faq", "faq_covidbert.csv"), {"positive": "answer_html"}, "table", None, None,
        ("What is a novel coronavirus?", "A novel coronavirus is a new coronavirus that has not been"),
    ),
    "glosses with lists of words": (
        glosses, {"anchor": "gloss", "positive": "lemmas"}, "table", 1000, None,
        ("an entity that has physical existence", "physical entity"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELLED)
def test_labelled_sources(real_data, tmp_path, name):
    make, roles, kind, questions, labels, row = LABELLED[name]
    source, settings = make(real_data, tmp_path), PrepareSettings(roles=roles)
    assert find_kind(source) == sniff(source, settings).kind == kind
    found = read_source(source, kind, settings, Tally(), QUIET)
    assert isinstance(found, Labels)
    asked = {query: judged for part in found.qrels.values() for query, judged in part.items()}
    count = sum(map(len, asked.values()))
    assert (len(asked), count) == (questions or len(asked), labels or count)
    if row:
        query = next(id_ for id_, query in found.queries.items() if query.text == row[0])
        texts = {document.id: document.content for document in found.corpus}
        answers = [" ".join(texts[id_].split()) for id_, grade in asked[query].items() if grade > 0]
        assert any(answer.startswith(row[1]) for answer in answers), answers


def test_a_leak_planted_with_small_edits_is_found_in_real_data(real_data, tmp_path):
    """The text of a test document, its beginning cut and a few words changed, as the answer of a training question."""
    rows = medquad(real_data, 200)
    words = next(words for row in rows[150:] if 90 <= len(words := row["answer"].split()) <= 150)
    copy = " ".join(["Well", *words[5:40], "indeed", *words[41:80], "however", *words[81:]])
    planted = [*rows[:100], {"question": "Is that a copy ?", "answer": copy}]
    parts = {name: jsonl(tmp_path / f"{name}.jsonl", part) for name, part in (("train", planted), ("test", rows[150:]))}
    before = audit({"train": str(jsonl(tmp_path / "own.jsonl", rows[:100])), "test": str(parts["test"])})
    found = audit({name: str(path) for name, path in parts.items()})
    more = {sort: count - before.found[sort] for sort, count in found.found.items()}
    assert {sort: count for sort, count in more.items() if count} == {"near-duplicate passage": 1}
