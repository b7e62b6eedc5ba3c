"""Which questions a folder of documents gives: copies, contents, change lists, kinds, fair shares, further sources."""

import random
from dataclasses import replace

import pytest

from semtune.prepare.build.dataset import prepare
from semtune.prepare.dedupe.document_copies import without_document_copies
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.contents import is_contents, without_contents
from semtune.prepare.passages.from_sections import Passage
from semtune.prepare.questions.fair_share import fair_shares, few_of_a_kind, largest_share
from semtune.prepare.questions.further_sources import further_kinds
from semtune.prepare.questions.headings import alike, completed
from semtune.prepare.readers.documents.outline_types import Link, Linked, Term
from semtune.prepare.records import Section
from semtune.prepare.settings import PrepareSettings, SupervisionSettings
from semtune.types import Document

WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in "nrst"]


def prose(seed, sentences=6):
    rng = random.Random(seed)
    return " ".join(" ".join(rng.choices(WORDS, k=12)).capitalize() + "." for _ in range(sentences))


def section(document, number, text, *path):
    return Section(f"{document}#{number}", document, document, path, text)


def passage(group, anchor, *headings, part=1, asked_by="heading"):
    judged = Document(f"{group}#{anchor}{part}", f"text of {anchor}", "", {"headings": list(headings)})
    return Passage(judged, judged, anchor, part, f"{group}{anchor}", group, asked_by)


def test_a_manual_in_three_formats_is_asked_about_once():
    chapters = [section(f"ch{n}.html", 1, prose(n), f"Chapter {n}") for n in range(3)]
    wrapped = "\n".join(" ".join(prose(n).split()[at : at + 7]) for n in range(3) for at in range(0, 72, 7))
    text = section("manual.txt.gz", 1, wrapped)
    own = section("manual.pdf", 2, prose("foreword only in the PDF"))
    pdf = [section("manual.pdf", 1, wrapped.replace("ban", "b an", 1)), own]
    other = section("notes.txt", 1, prose("something else"))
    tally = Tally()
    kept, copies = without_document_copies([*chapters, text, *pdf, other], tally)
    assert kept == [*chapters, own, other]
    assert copies == {"manual.txt.gz", "manual.pdf"}
    assert tally.dropped["section of a copy of another document"]["count"] == 2
    assert (
        "2 document(s) are copies of others (manual.pdf repeats manual.txt.gz, manual.txt.gz repeats ch"
        in tally.warnings[0]
    )


def test_one_file_in_two_folders_is_a_copy_and_versions_are_not():
    first = [section("a/guide.md", n, prose(n), f"Part {n}") for n in range(4)]
    again = [replace(one, id=f"b{one.id}", group="b/guide.md", source="b/guide.md") for one in first]
    version = [replace(one, id=f"v{one.id}", group="c/v2.md", source="c/v2.md") for one in first[:3]]
    version.append(section("c/v2.md", 9, prose(9), "Part 9"))
    kept, copies = without_document_copies([*first, *again, *version], Tally())
    assert kept == [*first, *version]
    assert copies == {"b/guide.md"}


def test_rows_of_a_table_are_no_copies():
    rows = [Section(f"row{n}", f"row{n}", "notes.csv", (), prose(1)) for n in range(3)]
    assert without_document_copies(rows, Tally()) == (rows, frozenset())


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Version4.1.5 . . . . . . . . . 151 Version4.1.4 . . . . . . . . . 151 4.2. Purpose ........ 152", True),
        ("Introduction .............. 1\nRedirections .............. 31\nA ..... v", True),
        ("Wait ..... 3 and then ..... 4. " + prose(3), False),
        ("\n".join(f"{word}, {n}, {n + 7}–{n + 9}" for n, word in enumerate(sorted(WORDS)[:12])), True),
        ("\n".join(f"{word} {n}" for n, word in enumerate(["pear", "apple", "fig", "plum", "date"] * 3)), False),
        (prose(1), False),
        ("", False),
    ],
)
def test_contents_and_indexes_are_seen(text, is_one):
    assert is_contents(text) is is_one


def test_contents_links_and_change_lists_are_left_out_and_counted():
    links = [Link(f"Chapter {n}", f"ch{n}.html") for n in range(6)]
    listed = section("index.html", 1, Linked("\n".join(link.text for link in links), links), "The manual")
    see_also = section("a.html", 2, Linked("Chapter 1", links[:1]), "The manual", "See also")
    contents = section("b.html", 1, "Table of Contents\n1. Boats\n2. Ropes and knots", "The manual", "Menu structure")
    about = section("b.html", 2, "Contents of the parcel are checked.\nNothing is lost.", "The manual", "Contents")
    changes = [section("c.html", n, prose(n), "Checklist", f"Version 4.{n}.3") for n in range(6)]
    terms = section("c.html", 9, prose(9), "Checklist", "Version 4.1.3", Term("10.9"))
    articles = [section("law.html", n, prose(50 + n), "The law", f"Article 5.{n}") for n in range(6)]
    articles += [section("fhs.html", n, prose(60 + n), "Standard", f"{n}.1. Purpose") for n in range(6)]
    named = section("CHANGELOG.md", 1, prose(70), "All of it")
    heading = section("d.html", 1, prose(71), "The tool", "Release notes", "A faster start")
    text = [section("e.html", n, prose(80 + n), f"About boats {n}") for n in range(9)]
    tally = Tally()
    kept = without_contents(
        [listed, see_also, contents, about, *changes, terms, *articles, named, heading, *text], tally
    )
    assert kept == [see_also, about, *articles, *text]
    assert {reason: entry["count"] for reason, entry in tally.dropped.items()} == {
        "section that is a list of links": 1,
        "section that is a table of contents or an index": 1,
        "section of a change list": 9,
    }


def test_a_source_of_change_lists_is_asked_about():
    changes = [section("CHANGES.md", n, prose(n), f"Version 4.{n}.3") for n in range(6)]
    tally = Tally()
    assert without_contents(changes, tally) == changes
    assert tally.warnings == ["Most of this source is change lists. They are asked about like other texts."]


def test_headings_that_differ_in_a_number_are_one_kind():
    assert alike("Version 4.1.3") == alike("version  10.2") == "version #"
    versions = [passage("a", f"Version 1.{n}", "The tool", f"Version 1.{n}") for n in range(9)]
    others = [passage("b", "Version 1.2", "Guide", "Version 1.2"), passage("a", "Knots", "The tool", "Knots")]
    titles = [passage(f"t{n}", f"Boat {n}", f"Boat {n}") for n in range(9)]
    tally = Tally()
    kept = few_of_a_kind([*versions, *others, *titles], 0, tally)
    assert sum(bool(one.anchor) for one in kept[:9]) == 3
    assert kept[9:] == [*others, *titles]
    assert tally.dropped["question: more than 3 of its document differ in a number only"]["count"] == 6


@pytest.mark.parametrize(
    ("counts", "most"),
    [
        ([40] + [1] * 20, 5),  # a tenth of 25 is less than the five that each may ask
        ([40] * 2, 40),  # two documents: all
        ([100] + [10] * 30, 33),  # 33 <= 0.1 * (300 + 33), and 34 > 33.4
        ([25, 15, 10, 5, 3, 2], 17),  # a third: 17 <= (17 + 15 + 10 + 5 + 3 + 2) / 3
        ([], 0),
    ],
)
def test_the_largest_share_of_a_document(counts, most):
    assert largest_share(counts) == most


def test_no_document_fills_a_test_and_its_chapters_take_turns():
    large = [passage("large", f"q{c}{n}", "Book", f"chapter {c}", f"q{c}{n}") for c in range(4) for n in range(20)]
    small = [passage(f"s{n}", f"word{n}", "Leaf", f"word{n}") for n in range(20)]
    splits = {"large": "test"} | {f"s{n}": "test" for n in range(20)}
    tally = Tally()
    kept = [one for one in fair_shares([*large, *small], splits, 0, tally) if one.anchor]
    chapters = [one.judged.metadata["headings"][1] for one in kept if one.group == "large"]
    assert len(chapters) == 5  # a tenth of the 25 that are left would be less than five
    assert max(chapters.count(name) for name in set(chapters)) == 2
    assert tally.dropped["question of dev or test: beyond its document's fair share"]["count"] == 75
    assert [one.anchor for one in fair_shares(large, {"large": "train"}, 0, Tally())] == [one.anchor for one in large]


def test_a_title_asks_for_its_document():
    parts = [passage("long", "The boat book", "The boat book", part=n) for n in range(1, 12)]
    other = passage("long", "Reef knots", "The boat book", "Reef knots")
    alone = [replace(one, group="alone") for one in parts]
    tally = Tally()
    kept = fair_shares([*parts, other, *alone], {"long": "test", "alone": "test"}, 0, tally)
    assert [one.anchor for one in kept[:12]] == [""] * 11 + ["Reef knots"]
    assert kept[12:] == alone  # it has no other question
    assert (
        tally.dropped["question of dev or test: the title of a long document asks for none of its passages"]["count"]
        == 11
    )


def test_a_title_trains_with_the_beginning_of_its_text(tmp_path, tokenizer):
    for n in range(4):
        (tmp_path / f"{n}.md").write_text(
            f"# The boat of {WORDS[n]}\n\n{prose(n, 6)}\n\n## Ropes of {WORDS[-n]}\n\n{prose(n + 9, 6)}"
        )
    pairs = [p for rows in prepare(tmp_path, tokenizer, 40, PrepareSettings(), 0).pairs.values() for p in rows]
    count = [sum(p.anchor.startswith(start) for p in pairs) for start in ("The boat", "Ropes")]
    assert count == [4, 12]  # at most three passages of a section


def test_a_repeated_heading_is_completed_by_those_above_it(tmp_path, tokenizer):
    assert list(completed("-e", ("bash", "Options", "Short options", "-e"))) == [
        "-e", "Short options: -e", "bash: Short options: -e",
    ]  # fmt: skip
    for n in range(6):
        text = f"# Guide to {WORDS[n]} boats\n\n{prose(n)}\n\n## Cleaning the hull\n\n{prose(n + 20)}"
        (tmp_path / f"{n}.md").write_text(text)
    data = prepare(tmp_path, tokenizer, 256, PrepareSettings(), 0)
    asked = {query.text for query in data.queries.values()}
    assert {f"Guide to {WORDS[n]} boats: Cleaning the hull" for n in range(6)} < asked
    assert "question: asked of more than 3 texts" not in data.report["dropped"]


def test_options_ask_with_the_name_of_their_program(tmp_path, tokenizer):
    for name in ("sail", "reef", "moor", "tack"):
        options = "".join(
            f"<dt>{option}</dt><dd>{prose(name + option, 2)}</dd>"
            for option in ("-e", "--help-all", "$MAST", "(a)", "7")
        )
        (tmp_path / f"{name}.html").write_text(
            f"<h1>The {name} program</h1><p>{prose(name)}</p><h2>Options</h2><dl>{options}</dl>"
        )
    data = prepare(tmp_path, tokenizer, 256, PrepareSettings(), 0)
    asked = {query.text for query in data.queries.values()}
    assert asked == {
        f"The {name} program{rest}"
        for name in ("sail", "reef", "moor", "tack")
        for rest in ("", ": -e", ": --help-all", ": $MAST")
    }


def test_few_questions_bring_in_further_sources_and_none_is_more_than_half(tmp_path, tokenizer):
    listed = "These are the parts of a boat that wear out first:\n\n- the ropes\n- the sails\n- the oars\n"
    code = "```\n# count all boats in the port\nboats = sum(port.values())\n```\n"
    for n in range(20):
        own = f"# What boat {WORDS[n]} needs\n\n" if n < 8 else ""
        more = listed.replace("boat", WORDS[n]) + "\n" + code.replace("port", WORDS[n]) if n % 2 else ""
        (tmp_path / f"{n}.md").write_text(f"{own}{prose(n, 8)}\n\n{more}")
    data = prepare(tmp_path, tokenizer, 64, PrepareSettings(), 0)
    found = data.report["yield"]
    assert found["documents"] == 20
    assert set(found["further sources"]) == {"cloze", "neighbour", "crop", "list_item", "comment"}
    counts = {
        kind: row["train"] for kind, row in data.report["counts"]["questions by source"].items() if "train" in row
    }
    assert set(counts) == {"heading", "cloze", "neighbour", "crop", "list_item", "comment"}
    assert 2 * max(counts.values()) <= sum(counts.values())
    made = {query.text: query.metadata["source"] for query in data.queries.values()}
    pairs = {pair.anchor: pair.positive for pair in data.pairs["train"]}
    lists = [anchor for anchor in pairs if made[anchor] == "list_item"]
    assert lists
    assert all(pairs[anchor] == "- the ropes\n- the sails\n- the oars" for anchor in lists)
    assert next(pairs[a] for a in pairs if made[a] == "comment").startswith("boats = sum(")
    held = {made[data.queries[query].text] for split in ("dev", "test") for query in data.qrels[split]}
    assert held <= {"heading", "cloze"}
    for anchor in (a for a in pairs if made[a] == "crop"):
        assert not set(anchor.split(". ")) & set(pairs[anchor].split(". "))


def test_further_sources_come_in_below_one_question_for_two_documents():
    weights = SupervisionSettings()
    every = ("cloze", "neighbour", "crop", "list_item", "comment")
    assert further_kinds(weights, 0.49) == every
    assert further_kinds(weights, 0.5) == ()
    assert further_kinds(SupervisionSettings(crop=0.5, cloze=0), 9.0) == ("crop",)
    assert further_kinds(SupervisionSettings(crop=0), 0.1) == tuple(kind for kind in every if kind != "crop")


def test_the_yield_is_reported(tmp_path, tokenizer):
    for n in range(5):
        (tmp_path / f"{n}.md").write_text(f"# The boat of {WORDS[n]}\n\n{prose(n)}\n\n## See also\n\n{prose(n + 9)}")
    found = prepare(tmp_path, tokenizer, 256, PrepareSettings(), 0).report["yield"]
    assert (found["documents"], found["questions"], found["per document"]) == (5, 5, 1.0)
    assert found["by source"] == {"heading": 1.0}
    assert found["why not"] == {"question: uninformative heading": 1.0}
