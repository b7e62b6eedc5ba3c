"""What is cleaned out of texts: mojibake, and what stands on web pages around them."""

import json
import re

import pytest

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents import html_boilerplate
from semtune.prepare.readers.documents.folder import read_folder
from semtune.prepare.readers.documents.html import read_html
from semtune.prepare.readers.documents.outline_types import Term
from semtune.prepare.readers.files.mojibake import REPAIRED, repair
from semtune.prepare.readers.tables.table import read_table
from semtune.prepare.settings import PrepareSettings

CLEAN = "Größe – “naïve” café, Ærø; Ελλάδα; Привет, Рим; 東京都; Tiếng Việt; DÉJÀ VU, ÂGÉ; 25 °C ½ ²; l’été à Nîmes"


WRITTEN = ["don’t", "Größe", "“well”", "5 €", "Ünïcode — naïve", "café"]
WRONGLY = [(text, encoding) for text in WRITTEN for encoding in ("latin-1", "mac-roman")]
WRONGLY += [(text, "cp1252") for text in WRITTEN if "”" not in text]  # Windows has no character for one of its bytes


@pytest.mark.parametrize(("text", "encoding"), WRONGLY)
def test_mojibake_becomes_what_was_written(text, encoding):
    broken = text.encode().decode(encoding)
    assert repair(f"A line with {broken} in it.\n{CLEAN}") == f"A line with {text} in it.\n{CLEAN}"


@pytest.mark.parametrize(
    "text",
    [
        CLEAN,
        CLEAN.upper(),
        "plain ASCII",
        "Accented letters appear as “Ã©”, „Ã¨“ or « Ã§ ».",  # speaks of mojibake
        'het industriÃ\xa0"le gemiddelde',  # ë; its second half became a quote
    ],
)
def test_other_texts_are_left_as_they_are(text):
    assert repair(text) is text


def test_mojibake_in_files_is_repaired_outside_of_code_and_counted(tmp_path):
    (tmp_path / "a.md").write_text("# CafÃ©\n\nDonâ€™t.\n\n```\nx = 'Ã©'\n```\n\n    y = 'Ã©'\n", encoding="utf-8")
    (tmp_path / "b.html").write_text(
        "<h1>VoilÃ\xa0 tout</h1><p>Itâ€™s [Ã©]</p><pre>z = 'Ã©t'</pre><p>and &acirc;&euro;&trade; too", encoding="utf-8"
    )
    (tmp_path / "c.txt").write_text(CLEAN, encoding="utf-8")
    tally = Tally()
    found = [(section.path, str(section.text)) for section in read_folder(tmp_path, tally)]
    assert found == [
        (("Café",), "Don’t.\n\n```\nx = 'Ã©'\n```\n\n    y = 'Ã©'"),
        (("Voilà tout",), "It’s [é]\n\n    z = 'Ã©t'\n\nand ’ too"),
        ((), CLEAN),
    ]
    assert tally.counts[REPAIRED] == 3  # the page's source, and once more what its entities were
    assert (tally.alike[REPAIRED][0]["one"], tally.alike[REPAIRED][0]["two"]) == ("CafÃ©", "Café")


def test_mojibake_in_cells_is_repaired(tmp_path):
    (tmp_path / "a.csv").write_text("query,document\nWhatâ€™s new?,The cafÃ© opens.\n", encoding="utf-8")
    tally = Tally()
    (row,) = read_table(tmp_path / "a.csv", PrepareSettings(), tally).pairs
    assert (row.anchor, row.positives[0].text, tally.counts[REPAIRED]) == ("What’s new?", "The café opens.", 2)


@pytest.mark.slow
@pytest.mark.data
def test_mojibake_of_real_texts_in_eleven_languages(real_data):
    changed = {}
    for path in sorted((real_data / "xquad").glob("beir_*/corpus.jsonl")):
        texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
        if count := sum(repair(text) != text for text in texts):
            changed[path.parent.name] = count
    assert changed == {
        "beir_ar": 13,
        "beir_tr": 5,
        "beir_vi": 2,
    }  # each was read: "1455â€“1536", "565 Â°C", "Tráº§n" ...
    for path in sorted((real_data / "tatoeba").glob("tatoeba.*")):
        text = path.read_text(encoding="utf-8")
        assert repair(text) is text


VENDORS = {
    "OneTrust": '<div id="onetrust-consent-sdk"><div id="onetrust-banner-sdk" role="dialog"><h2>{}</h2></div></div>',
    "Cookiebot": '<div id="CybotCookiebotDialog" role="dialog"><h2>Consent</h2><p>{}</p></div>',
    "CookieYes": '<div class="cky-consent-container"><div class="cky-consent-bar"><p>{}</p></div></div>',
    "Osano": '<div role="dialog" class="osano-cm-window"><span>{}</span></div>',
    "cookieconsent": '<div class="cc-window cc-banner"><span>{}</span><a class="cc-btn">Got it</a></div>',
    "Quantcast": '<div class="qc-cmp2-container"><div><p>{}</p></div></div>',
    "Didomi": '<div id="didomi-host"><div id="didomi-popup">{}</div></div>',
    "Usercentrics": '<div id="usercentrics-root">{}</div>',
    "Complianz": '<div id="cmplz-cookiebanner-container"><div class="cmplz-cookiebanner">{}</div></div>',
    "by name": '<div class="site Cookie-Banner"><p>{}</p></div>',
    "by id": '<div id="cookieNotice">{}</div>',
    "by label": '<div role="region" aria-label="Cookie consent"><p>{}</p></div>',
    "dialog": '<div role="alertdialog"><p>{}</p></div>',
    "newsletter": '<div class="newsletter-signup"><h3>{}</h3><p>Weekly news.</p></div>',
    "share bar": '<div class="addtoany_share_save_container"><a>{}</a></div>',
    "skip link": '<a class="skip-link" href="#main">{}</a>',
    "icon": '<i aria-hidden="true">expand_more</i>',
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("where", ["before", "after"])
def test_bars_and_boxes_around_the_text_are_left_out(vendor, where):
    box = VENDORS[vendor].format("We use cookies to give you the best experience.")
    text = "<h1>Boats</h1><p>The boat is red.</p>"
    page = f"<body>{box}{text}</body>" if where == "before" else f"<body>{text}{box}</body>"
    assert read_html(page) == [(("Boats",), "The boat is red.")]


@pytest.mark.parametrize(
    "line", ["Back to top", "↑ Back to top", "Edit this page", "Skip to main content", "Nach oben", "Share this page"]
)
def test_lines_that_are_only_a_link_of_the_frame(line):
    page = f'<h1>Boats</h1><p><a href="#x">{line}</a></p><ul><li><a href="#">{line}</a></ul><p>Red.</p>'
    assert read_html(page) == [(("Boats",), "Red.")]
    assert read_html(f"<h1>Boats</h1><p>Press “{line}” twice.</p>") == [(("Boats",), f"Press “{line}” twice.")]


@pytest.mark.parametrize(
    "page",
    [
        '<section id="cookie-notice"><h2>Bake</h2><p>{}</p></section>',
        '<div class="section" id="cookie-consent"><h2>Bake</h2><p>{}</p></div>',
        '<h2 id="cookie-banner">Bake</h2><p>{}</p>',
        '<h2>Bake</h2><p id="cookie-objects">{}</p>',
        '<div role="dialog"><main><h2>Bake</h2><p>{}</p></main></div>',
        '<h2>Bake</h2><div class="newsletter"><p>{}</p>' + "<p>News of the week.</p>" * 90 + "</div>",
        '<h2>Bake</h2><div aria-hidden="true"><p>{}</p></div>',
        '<h2>Bake</h2><div style="display:none"><p>{}</p></div>',
    ],
)
def test_content_that_bears_such_a_name_stays(page):
    text = "Cookies are baked for ten minutes."
    ((path, body),) = read_html("<h1>Boats</h1>" + page.format(text))
    assert path == ("Boats", "Bake")
    assert body.startswith(text)


HTML = [
    (
        "<table><caption>Prices</caption><tr><th>Boat<th>Price<tr><td>Red<td>5&nbsp;&euro;<tr><td><td></table>",
        "Prices\n\nBoat | Price\n\nRed | 5 €",
    ),
    ("<p>One<br>two<br/>three &lt;b&gt; &amp;amp; &#8364; &eacute;</p>", "One two three <b> &amp; € é"),
    (
        "<pre>def f():\n\tif x:\n        return 1\n\n\n    y</pre>",
        "    def f():\n        if x:\n            return 1\n\n        y",
    ),
    ("<p>Seen<span hidden>gone</span><template>gone</template><script>gone</script> still</p>", "Seen still"),
    ("<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n- b\n- c"),
    ("<div>" * 10_000 + "Down here." + "</div>" * 10_000, "Down here."),
    ("<table><tr><td>" * 3_000 + "In here.", "In here."),
    ("<p>Not closed <b>bold <i>both</p><p>next", "Not closed bold both\n\nnext"),
]


@pytest.mark.parametrize(("page", "text"), HTML, ids=range(len(HTML)))
def test_html_to_text(page, text):
    assert read_html(f"<title>T</title><body>{page}") == [(("T",), text)]


def test_html_without_text():
    assert read_html("<title>Only a title</title>") == []
    assert read_html("") == []
    assert read_html("<body><nav>Menu</nav></body>") == []


def test_definition_lists_of_html():
    page = "<h1>T</h1><dl><dt>Bow<dt>Prow<dd>The front of a boat.<dd>And more.<dt>Stern<dd>The back.</dl><p>After."
    found = read_html(page)
    assert found == [
        (("T", "Bow, Prow"), "The front of a boat.\n\nAnd more."),
        (("T", "Stern"), "The back."),
        (("T",), "After."),
    ]
    assert [isinstance(path[-1], Term) for path, _ in found] == [True, True, False]


def test_names_of_boxes_are_looked_for_where_they_can_be():
    """The cheap search before them must find every one of them."""
    names = re.findall(r"\[id='(.*?)' i\]", html_boilerplate.boilerplate().boxes)
    assert len(names) > 70
    assert all(html_boilerplate._MAY_HAVE_BOX.search(name) for name in names)
