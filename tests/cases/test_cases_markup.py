"""Mark-up that hid text: each case lost words before, found by the properties in test_prepare_properties.py."""

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.html import LEFT_OUT, read_html
from semtune.prepare.readers.documents.markdown import read_markdown
from semtune.prepare.readers.documents.markdown.reader import FRONT_MATTER
from semtune.prepare.readers.documents.rst import LEFT_OUT as LEFT_OUT_OF_RST
from semtune.prepare.readers.documents.rst import read_rst

RST = """
.. |v| replace:: Version 3

Title |v|
=========

See [1]_.

.. [1] The *footnote* text
   goes on.

.. figure:: a.png
   :alt: nothing

   The caption.

.. list-table:: Prices
   :header-rows: 1

   * - Model
     - Price

.. custom:: Argument
   :opt: x

   Body.

.. function:: open(f)
   :noindex:
   :raises: an error

.. toctree::
   one
   two

.. a comment
"""


def test_rst_keeps_footnotes_captions_tables_and_unknown_directives():
    tally = Tally()
    assert read_rst(RST, tally) == [
        (
            ("Title Version 3",),
            "See [1]_.\n\n[1] The footnote text\n   goes on.\n\nThe caption.\n\nPrices\n\n* - Model\n- Price\n\nArgument\n\n"
            "Body.\n\nopen(f)\nraises: an error",
        )
    ]
    assert tally.counts == {LEFT_OUT_OF_RST: 10}


def test_unclosed_comments_and_scripts_do_not_hide_the_rest_of_markdown():
    assert read_markdown("<!-- todo\n\nKept text.") == [((), "todo Kept text.")]
    assert read_markdown("<script> is a tag that runs code.") == [((), "is a tag that runs code.")]
    assert read_markdown("<!-- a --> <script>b</script>\nKept.") == [((), "Kept.")]


def test_braces_around_a_line_are_text_unless_they_are_attributes():
    assert read_markdown("{name} is what you see in {place}") == [((), "{name} is what you see in {place}")]
    assert read_markdown("{#id .cls}\nThe text.") == [((), "The text.")]


def test_text_between_two_rules_is_no_front_matter():
    tally = Tally()
    assert read_markdown("---\nPlain prose stands here.\n\n---\nRest.", tally)[0][1].startswith("Plain prose")
    assert tally.counts == {}
    assert read_markdown("---\ntitle: T\nauthor: A\ntags: b\n---\nRest.", tally) == [(("T",), "Rest.")]
    assert tally.counts == {FRONT_MATTER: 2}


def test_markdown_that_nests_too_deep_for_the_parser_is_plain_text():
    assert "deep words" in read_markdown("> " * 80 + "deep words")[0][1]


def test_what_is_left_out_of_a_page_is_counted():
    tally = Tally()
    page = (
        "<title>Tea</title><p>Before it.</p><h1>Tea</h1><main><h2>Pot</h2>"
        + "<p>Warm the pot first.</p>" * 20
        + "</main>"
        "<nav>Home Shop</nav><p>Beside it all.</p><script>code is no text</script>"
    )
    assert read_html(page, tally)[0][0] == ("Tea", "Pot")
    assert tally.counts == {LEFT_OUT: 2 + 1 + 2 + 3}
