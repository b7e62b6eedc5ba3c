import pytest

from semtune.dataset import Dataset
from semtune.errors import ConfigError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.from_sections import Passage
from semtune.prepare.passages.list_entries import is_question, separate
from semtune.prepare.questions.headings import from_term
from semtune.prepare.questions.links import link_pairs, resolve
from semtune.prepare.questions.supervision import add_pair, source_of
from semtune.prepare.questions.uninformative import is_menu, uninformative_reason
from semtune.prepare.readers.documents.html import read_html
from semtune.prepare.readers.documents.markdown import read_markdown
from semtune.prepare.readers.documents.outline_types import Link, Linked, Term, is_link_list, links_of
from semtune.prepare.records import Section
from semtune.prepare.settings import PrepareSettings, SupervisionSettings
from semtune.types import Document, Pair, Query

HTML = """<h1>The tool</h1><p>The manual lists <a href="opts.html#all">options</a> and <a href="faq.html">common questions</a>.</p>
<h2>Options</h2><p>They are these:</p>
<dl><dt>-v</dt><dt>--verbose</dt><dd><p>Says what it does.</p><dl><dt>level</dt><dd>How much.</dd></dl><p>Outer again.</p></dd>
<dt>-q<a class="headerlink" href="#q">¶</a></dt><dd>Says nothing.</dd><dt>alone</dt></dl><p>After the list.</p>
<p><b>Why is it slow?</b></p><p>It reads all.</p><p><strong>Who made it</strong>?</p><p>We did.</p>
<details><summary>How is it installed?</summary>With pip.</details>
<h2>Contents</h2><dl><dt><a href="a.html">Part one</a></dt><dt><a href="b.html">Part two</a></dt></dl>"""


def kinds(outline):
    return [(path, str(text), type(path[-1]) is Term) for path, text in outline]


def test_html_lists_and_bold_questions_become_terms():
    tool, options = "The tool", ("The tool", "Options")
    assert kinds(read_html(HTML)) == [
        ((tool,), "The manual lists options and common questions.", False),
        (options, "They are these:", False),
        ((*options, "-v, --verbose"), "Says what it does.", True),
        ((*options, "-v, --verbose", "level"), "How much.", True),
        ((*options, "-v, --verbose"), "Outer again.", True),
        ((*options, "-q"), "Says nothing.", True),
        (options, "alone", False),
        (options, "After the list.", False),
        ((*options, "Why is it slow?"), "It reads all.", True),
        ((*options, "Who made it?"), "We did.", True),
        ((*options, "Who made it?", "How is it installed?"), "With pip.", True),
        ((tool, "Contents"), "Part one\n\nPart two", False),
    ]


def test_html_keeps_links():
    first, *_, last = read_html(HTML)
    assert links_of(first[1]) == (Link("options", "opts.html#all"), Link("common questions", "faq.html"))
    assert not is_link_list(first[1])
    assert is_link_list(last[1])


def test_html_lists_deeper_than_people_write_are_text():
    page = "<h1>Deep down</h1>" + "<dl><dt>t</dt><dd>" * 3000 + "Here."
    outline = read_html(page)
    assert outline[-1][0] == ("Deep down", "t", "t", "t", "t")
    assert outline[-1][1].endswith("Here.")


def test_markdown_lists_bold_questions_and_links():
    text = (
        "# Fruit\nSee [the pears](pears.md) and ![a picture](x.png).\n\n**Why eat fruit?**\n\nIt is good.\n\n## Kinds\n"
        "Apple\n:   Red or green.\n    More of it.\n\nPear\n: Yellow.\n: Soft.\nPlum\n: Blue.\n\nAll grow on trees.\n"
    )
    outline = read_markdown(text)
    assert kinds(outline) == [
        (("Fruit",), "See the pears and a picture.", False),
        (("Fruit", "Why eat fruit?"), "It is good.", True),
        (("Fruit", "Kinds", "Apple"), "Red or green.\n    More of it.", True),
        (("Fruit", "Kinds", "Pear"), "Yellow.\nSoft.", True),
        (("Fruit", "Kinds", "Plum"), "Blue.", True),
        (("Fruit", "Kinds"), "All grow on trees.", False),
    ]
    assert links_of(outline[0][1]) == (Link("the pears", "pears.md"),)


def test_a_markdown_colon_without_a_term_is_text():
    assert read_markdown("# T\n\n: a line\n\n- x\n: y") == [(("T",), ": a line\n\n- x\n: y")]


def sections(*entries, group="d"):
    return [Section(f"{group}#{n}", group, group, path, text) for n, (path, text) in enumerate(entries, start=1)]


LONG = "it stands for a thing that is long enough"


def test_entries_that_say_enough_stand_alone_and_others_go_back():
    found = sections(
        (("T", "H"), "Before."),
        (("T", "H", Term("some term")), LONG),
        (("T", "H", Term("--quiet")), "Too short."),
        (("T", "H"), "After."),
        (("T", "H", Term("Why so slow?")), "Because it is so."),
        (("T", "H"), "End."),
        (("T", "H"), "A heading that stands twice."),
    )
    tally = Tally()
    assert [(s.id, s.path, s.text) for s in separate(found, SupervisionSettings(), tally)] == [
        ("d#1", ("T", "H"), "Before.\n\n--quiet\n\nToo short.\n\nAfter.\n\nEnd."),
        ("d#2", ("T", "H", "some term"), LONG),
        ("d#5", ("T", "H", "Why so slow?"), "Because it is so."),
        ("d#7", ("T", "H"), "A heading that stands twice."),
    ]
    assert tally.dropped == {
        "definition left in its section: fewer than 8 words": {"count": 1, "example": "H > --quiet"}
    }


def test_sources_that_are_off_leave_the_text_whole():
    found = sections(
        (("T",), Linked("Before.", [Link("a", "b")])),
        (("T", Term("class A"), Term("inner term")), Linked(LONG, [Link("c", "d")])),
        (("T", Term("class A")), "Rest."),
    )
    (whole,) = separate(found, SupervisionSettings(definition=0), Tally())
    assert whole.text == f"Before.\n\nclass A\n\ninner term\n\n{LONG}\n\nRest."
    assert links_of(whole.text) == (Link("a", "b"), Link("c", "d"))


def test_a_document_that_begins_with_a_short_entry_is_kept():
    found = sections((("T", Term("x")), "one"), (("T", Term("y")), "two"), group="a") + sections(
        ((Term("z"),), "three"), group="b"
    )
    assert [(s.id, s.path, s.text) for s in separate(found, SupervisionSettings(), Tally())] == [
        ("a#1", ("T",), "x\n\none\n\ny\n\ntwo"),
        ("b#1", (), "z\n\nthree"),
    ]


def test_lines_of_questions_and_answers_are_cut():
    text = "Welcome.\n\nQ: What is this tool,\nand why?\nA: It is a thing.\n\nAnd more.\n\n**Q2:** Who made it?\n**A2:** All of us here."
    found = separate(sections((("T",), text)), SupervisionSettings(), Tally())
    assert [(s.id, s.path, s.text) for s in found] == [
        ("d#1", ("T",), "Welcome."),
        ("d#1.1", ("T", "What is this tool, and why?"), "It is a thing.\n\nAnd more."),
        ("d#1.2", ("T", "Who made it?"), "All of us here."),
    ]
    for other in ("Q: no answer?\n\ntext", "Q: one?\nQ: two?\nA: both"):
        assert [s.text for s in separate(sections((("T",), other)), SupervisionSettings(), Tally())] == [other]


@pytest.mark.parametrize(
    ("path", "anchor"),
    [
        (("Guide to git", "Options", "-v, --verbose"), "Guide to git: -v, --verbose"),
        (("Guide to git", "Glossary", "detached HEAD"), "detached HEAD"),
        (("Guide to git", "Glossary", "branch"), "Guide to git: branch"),
        (("FAQ", "(3) Why is it so?"), "Why is it so?"),
        (("x",), ""),
    ],
)
def test_question_of_a_term(path, anchor):
    assert from_term(path) == anchor


def test_questions_are_told_from_usage_lines():
    assert is_question("Why is it so?")
    assert is_question("为什么？")
    assert not is_question("exec ?-count n? ?name?")
    assert not is_question("How to do it")


@pytest.mark.parametrize(
    ("anchor", "positive", "reason"),
    [
        ("Installing the tool", "Take the file and unpack it.", ""),
        ("Table of contents", "A long text.", "is uninformative"),
        ("See also", "A long text.", "is uninformative"),
        ("Tool", "A long text.", "is too short"),
        ("What it is", "A long text.", "has only stop words and numbers"),
        ("in 2024", "A long text.", "has only stop words and numbers"),
        ("R-49065-33371", "A long text.", "has only stop words and numbers"),
        ("字符串方法", "很长的文字。", ""),
        ("The parser object", "The  parser object is made by...", "is the start of its text"),
        ("Why is it slow?", "Why is it slow? It reads all.", "is the start of its text"),
        ("The parser object", "The parser objects are made by...", ""),
        ("Where we are", "Home » Docs » Tools » Parser", "has only stop words and numbers"),
        ("Start of the boat", "This section has been deleted.", "leads to a text that was removed or moved"),
        ("Start of the boat", "This section has moved to Sails.", "leads to a text that was removed or moved"),
        ("Start of the boat", "This section has two ropes and an anchor.", ""),
        ("Parser of tools", "Home » Docs » Tools » Parser", "leads to a menu"),
    ],
)
def test_junk(anchor, positive, reason):
    assert uninformative_reason(anchor, positive) == reason


def test_tables_and_sentences_are_no_menus():
    assert is_menu("Start | Install | Use | Help")
    assert not is_menu("a | 1\nb | 2\nc | 3\nd | 4")
    assert not is_menu("Choose File » Open » Recent » Clear, then press the key.")


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("other.md", "a/other.md"),
        ("../top.html", "top.html"),
        ("../top", "top.html"),
        ("../b/", "b/index.html"),
        ("./sp%20ace.md", "a/sp ace.md"),
        ("here.md", None),  # itself
        ("other.md#part", None),
        ("#part", None),
        ("https://x.y/other.md", None),
        ("//x.y/other.md", None),
        ("/top.html", None),
        ("mailto:a@b.c", None),
        ("nowhere.md", None),
        ("http://[broken", None),
        ("", None),
    ],
)
def test_links_are_resolved(href, target):
    documents = dict.fromkeys(["a/other.md", "a/here.md", "top.html", "b/index.html", "a/sp ace.md"])
    assert resolve(href, "a/here.md", documents) == target


def passage(group, text="A text that is long enough to be a passage.", part=1):
    document = Document(f"{group}#1", text)
    return Passage(document, document, "", part, f"{group}#1", group)


def test_links_that_say_something_ask_for_their_target():
    links = [
        Link("Section 9.3, the art of growing", "pears.md"),
        Link("here", "pears.md"),
        Link("www.pears.org", "pears.md"),
        Link("pears", "pears.md"),
        Link("git-log(1)", "pears.md"),
        Link("Next: growing pears well", "pears.md"),
        Link("Weiter4.2 Birnen im Garten", "pears.md"),
        Link("次へA.8 Pears and plums", "pears.md"),
        Link("UPDATE of pears", "plums.md"),
        Link("Section 4.2", "pears.md"),
        Link("A text that", "plums.md"),
        Link("fruit of autumn", "pears.md"),
        Link("fruit of autumn", "plums.md"),
        Link("all about plums in winter", "plums.md"),
        Link("plums of the summer", "plums.md"),
        Link("how plums are kept", "plums.md"),
        Link("drying many plums", "plums.md"),
    ]
    text = Linked("Much text between the links, " * 40, links)
    menu = Linked("Pears of the garden", [Link("Pears of the garden", "pears.md")])
    tally = Tally()
    found = link_pairs(
        sections(((), text), group="a.md") + sections(((), menu), group="b.md"),
        [passage("pears.md"), passage("plums.md"), passage("plums.md", "Second.")],
        tally,
    )
    assert found[0] == ("the art of growing", "a.md", passage("pears.md"))
    assert {(where, target.group) for _, where, target in found[1:]} == {("a.md", "plums.md")}
    assert len(found) == 4
    assert {reason: entry["count"] for reason, entry in tally.dropped.items()} == {
        "link: is uninformative": 2,
        "link: is an address": 1,
        "link: not 2 to 20 words": 2,
        "link: leads to the previous or next page": 3,
        "link: is the start of its text": 1,
        "link: same text leads to several documents": 1,
        "link: more than 3 to a document": 2,
    }


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    for n in range(12):
        (folder / f"p{n}.html").write_text(
            f"<h1>Page number {n} of the garden</h1><p>In bed {n} there grow plants of kind k{n}. They need much water "
            f'in summer. You may compare them with <a href="p{(n + 1) % 12}.html">the tall shrubs after bed {n}</a> at '
            f"any time. Every gardener x{n} has seen them.</p><h2>What do plants k{n} need?</h2><p>Give them water w{n} "
            f"and light l{n} in the morning, never at noon.</p><h2>Words</h2><dl><dt>mulch of bed {n}</dt><dd>A layer m{n} "
            f"of leaves that lies on top o{n} of the soil s{n} around plants.</dd></dl>"
        )
    return folder


def test_each_source_is_counted_named_and_shown(site, tokenizer):
    data = prepare(site, tokenizer, 64, PrepareSettings(supervision={"link": 1}), 0)
    counts = data.report["counts"]["questions by source"]
    assert {source: sum(row.values()) for source, row in counts.items() if source != "link"} == {
        "heading": 12,
        "faq": 12,
        "definition": 12,
    }
    assert set(counts["link"]) == {"train"}
    left_out = data.report["dropped"]["link: from or to a document of dev or test"]["count"]
    assert counts["link"]["train"] + left_out == 12
    assert left_out >= 2
    asked = {query.text: query.metadata["source"] for query in data.queries.values()}
    assert asked["Page number 3 of the garden"] == "heading"
    assert asked["What do plants k3 need?"] == "faq"
    assert asked["mulch of bed 3"] == "definition"
    assert [row["source"] for row in data.report["sample"]] == sorted(["heading", "faq", "definition", "link"] * 5)
    assert data.report["settings"]["supervision"]["link"] == 1
    assert data.report["leaks"]["found"] == 0
    train = {pair.anchor: pair.positive for pair in data.pairs["train"]}
    link = next(text for text, source in asked.items() if source == "link")
    n = (int(link.rsplit(" ", 1)[1]) + 1) % 12
    assert train[link].startswith(f"In bed {n} there grow plants")


def test_definitions_are_not_in_their_judged_passage(site, tokenizer):
    data = prepare(site, tokenizer, 64, PrepareSettings(), 0)
    (judged,) = [d for d in data.corpus if "o3 of the soil" in d.text]
    (served,) = [d for d in data.documents if d.id == judged.id]
    assert judged.text == "A layer m3 of leaves that lies on top o3 of the soil s3 around plants."
    assert served.title == "Page number 3 of the garden > Words > mulch of bed 3"


def test_weights_are_the_share_of_training_pairs_that_is_kept(site, tokenizer):
    full = prepare(site, tokenizer, 64, PrepareSettings(supervision={"link": 0}), 0)
    half = prepare(site, tokenizer, 64, PrepareSettings(supervision={"link": 0, "faq": 0.5}), 0)
    none = prepare(site, tokenizer, 64, PrepareSettings(supervision={"link": 0, "faq": 0, "definition": 0}), 0)
    of = source_of(full)
    faq = [pair for pair in full.pairs["train"] if of[pair.anchor.casefold()] == "faq"]
    kept = [pair for pair in faq if SupervisionSettings(faq=0.5).keeps("faq", pair.anchor, pair.positive, 0)]
    assert [pair for pair in half.pairs["train"] if of[pair.anchor.casefold()] == "faq"] == kept
    assert 0 < len(kept) < len(faq)
    assert (half.qrels, half.pairs["test"]) == (full.qrels, full.pairs["test"])
    reason = "training pair beyond the share of its source, faq: 0.5"
    assert half.report["dropped"][reason]["count"] == len(faq) - len(kept)
    assert set(source_of(none).values()) == {"heading"}
    assert none.report["dropped"]["question: the source 'faq' is off"]["count"] == 12
    assert "Words\nmulch" not in none.corpus[0].text
    (words,) = [d.text for d in none.corpus if "o3 of the soil" in d.text]
    assert words.startswith("mulch of bed 3\n\nA layer m3")


def test_neighbours_ask_for_the_next_passage_in_train_only(site, tokenizer):
    settings = PrepareSettings(supervision={"link": 0, "neighbour": 1.0})
    data = prepare(site, tokenizer, 40, settings, 0)
    content = {d.id: d.content for d in data.corpus}
    held = {d for split in ("dev", "test") for row in data.qrels.get(split, {}).values() for d in row}
    asked = [query for query in data.queries.values() if query.metadata["source"] == "neighbour"]
    assert asked
    for query in asked:
        ((found, _),) = data.qrels["train"][query.id].items()
        assert found not in held
        before = found.replace("(2)", "") if "(2)" in found else found.replace("(3)", "(2)")
        assert query.text == " ".join(content[before].split())
        assert Pair(query.text, content[found]) in data.pairs["train"]


def test_a_cloze_question_is_not_judged_by_where_others_ask(site, tokenizer):
    for n in range(12):
        lines = " ".join(f"The t{n} {w} stands near river r{n}{w} today." for w in ("house", "tree", "barn", "mill"))
        (site / f"x{n}.txt").write_text(lines)
    data = prepare(site, tokenizer, 64, PrepareSettings(supervision={"cloze": 1.0}), 0)
    counts = data.report["counts"]["questions by source"]
    assert set(counts["cloze"]) == {"train"}
    dropped = data.report["dropped"][
        "question of dev or test: a sentence of its own passage, and there are better questions"
    ]
    assert counts["cloze"]["train"] + dropped["count"] == 12
    assert "cloze" not in prepare(site, tokenizer, 64, PrepareSettings(), 0).report["counts"]["questions by source"]


def test_a_definition_in_several_documents_joins_none(site, tokenizer):
    shared = "<dl><dt>--quiet-mode</dt><dd>Says nothing at all while the work is being done.</dd></dl>"
    for path in site.iterdir():
        path.write_text(path.read_text() + shared)
    data = prepare(site, tokenizer, 64, PrepareSettings(), 0)
    assert data.report["counts"]["groups"] == 12
    assert data.report["dropped"]["question: its text occurs in more than 1 document"]["count"] == 1
    assert data.report["dropped"]["duplicate passage"]["count"] == 11
    assert not any("quiet-mode" in query.text for query in data.queries.values())


def test_a_question_that_is_asked_already_is_not_added():
    data, tally = Dataset(queries={}), Tally()
    assert add_pair(data, "What is it?", "d1", "text", "g", "link", tally)
    assert not add_pair(data, "what IS it?", "d2", "other", "g", "link", tally)
    ((id_, query),) = data.queries.items()
    assert query == Query(id_, "What is it?", {"split": "train", "group": "g", "source": "link"})
    assert data.qrels == {"train": {id_: {"d1": 1}}}
    assert data.pairs == {"train": [Pair("What is it?", "text")]}
    assert tally.dropped["link: its text is already a question"]["count"] == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lnk": 1}, "Did you mean 'link'"),
        ({"link": 2}, r"link: input should be less than or equal to 1 \(found 2\)"),
        ({"heading": "auto"}, "heading: input should be a valid number"),
        ({"cloze": -1}, "input should be 'auto'"),
        ({"faq": True}, r"faq: .*found True"),
    ],
)
def test_weights_that_are_none_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        SupervisionSettings(**values)
    with pytest.raises(ConfigError, match=message):
        PrepareSettings(supervision=values)
