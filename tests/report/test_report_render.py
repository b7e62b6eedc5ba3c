"""Templates: data is escaped in every element, a missing value is an error, and nothing is imported before it is used."""

import subprocess
import sys

import pytest

from semtune.report.elements import (
    Answer,
    Cell,
    Count,
    Example,
    Examples,
    Figure,
    Headline,
    Note,
    Row,
    Side,
    Table,
    many,
)
from semtune.report.render import environment, render, snippet, write_page

ATTACK = "<script>document.title='owned'</script>"
SIDE = Side(ATTACK, ATTACK, [Answer(1, True, ATTACK, ATTACK), Answer(2, False, "", ATTACK)])
EXAMPLE = Example([ATTACK], ATTACK, ATTACK, "good", [SIDE])
CELL = Cell(ATTACK, ATTACK, [ATTACK, ATTACK], strong=True)
ELEMENTS = {
    "headline": (Headline("good", ATTACK, ATTACK, [Note(ATTACK, ATTACK)]), 4),
    "table": (Table([CELL, ATTACK], [Row(CELL, [ATTACK, CELL], marked=True)]), 14),
    "counts": ([Count(ATTACK, 3, [ATTACK])], 2),
    "numbers": ({ATTACK: ATTACK}, 2),
    "figure": (Figure(ATTACK, ATTACK, ATTACK, ATTACK), 4),
    "examples": (Examples(ATTACK, ATTACK, [EXAMPLE]), 10),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_every_text_of_an_element_is_escaped(name):
    value, texts = ELEMENTS[name]
    shown = str(getattr(environment().get_template("macros.html").module, name)(value))
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") == texts


def test_a_value_that_is_missing_is_an_error():
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError, match="'headline' is undefined"):
        render("selection.html", {"title": "A", "subtitle": ""})


def test_a_page_that_fails_leaves_no_file(tmp_path):
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        write_page(tmp_path / "report.html", "selection.html", {})
    assert list(tmp_path.iterdir()) == []


def test_jinja_is_imported_when_a_page_is_made():
    code = "import sys, semtune.report.render, semtune.cli.main; print('jinja2' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_texts_are_shortened_to_one_line_and_counts_have_a_noun():
    assert snippet("  a\n b\tc ") == "a b c"
    assert snippet("x" * 30, 10) == "x" * 9 + "…"
    assert [many(n, "leak is", "leaks are") for n in (0, 1, 2_000)] == ["0 leaks are", "1 leak is", "2,000 leaks are"]
    assert many(2, "warning") == "2 warnings"
