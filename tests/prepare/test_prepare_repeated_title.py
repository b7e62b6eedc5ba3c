"""A title that stands again at the start of its text is taken out of the text, and the pair is kept."""

import pytest

from semtune.prepare.passages.from_sections import without_repeated_title

BODY = "Boundary layers grow along the plate. Heat is measured at six points."


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Heat flow on a flat plate. {BODY}", BODY),
        (f"heat flow on a flat plate .\n{BODY}", BODY),
        (f"HEAT  FLOW ON A FLAT-PLATE: {BODY}", BODY),
        (f"Heat flow on a flat plate\n\n{BODY}", BODY),
        (f"Heat flow on a flat plates. {BODY}", f"Heat flow on a flat plates. {BODY}"),  # another word
        ("Heat flow on a flat plate. See below.", "Heat flow on a flat plate. See below."),  # hardly anything follows
        (BODY, BODY),
    ],
)
def test_the_copy_is_taken_out(text, left):
    assert without_repeated_title(text, "Heat flow on a flat plate") == left


def test_the_heading_counts_too_where_the_question_says_more():
    anchor, path = "Plates: Heat flow", ("Plates", "Heat flow")
    assert without_repeated_title(f"Heat flow: {BODY}", anchor, path) == BODY
    assert without_repeated_title(f"Heat flow: {BODY}", "", path) == f"Heat flow: {BODY}"  # nothing is asked
