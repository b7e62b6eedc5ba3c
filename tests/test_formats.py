import pytest

from semtune.errors import ConfigError, InputError
from semtune.formats import CONFIG, FORMATS, Format, Version, check_config

KEYS = {(): ["name", "prepare", "search"], ("prepare",): ["source", "roles"], ("search",): ["k"]}


def known_keys(place):
    return KEYS.get(tuple(place), [])


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, "1.0"), ("1", "1.0"), ("1.2", "1.2"), (1.2, "1.2"), ("10.31", "10.31"), (2.0, "2.0")],
)
def test_a_number_is_read(value, number):
    assert str(Version.parse(value)) == number


@pytest.mark.parametrize("value", ["", "one", "1.2.3", "-1", -1, None, [1], True, "1.x", float("nan")])
def test_what_is_not_a_number_is_not_read(value):
    assert Version.parse(value) is None


def test_ten_is_after_nine():
    assert Version.parse("1.10") > Version.parse("1.9")


def rename(values):
    return {("width" if key == "wide" else key): value for key, value in values.items()}


def double(values):
    return {**values, "width": values["width"] * 2}


BOX = Format(
    "a box",
    Version(3, 1),
    "`make box`",
    Version(1, 0),
    {Version(1, 0): (Version(2, 0), rename), Version(2, 0): (Version(3, 0), double)},
)


def test_older_values_go_through_every_migration():
    assert BOX.read({"wide": 2}, "f").values == {"width": 4}
    assert BOX.read({"format": 1, "wide": 2}, "f").values == {"width": 4}
    assert BOX.read({"format": "2.0", "width": 2}, "f").values == {"width": 4}
    for number in ("3.0", "3.1", "3.2"):
        found = BOX.read({"format": number, "width": 2}, "f")
        assert (found.values, found.newer) == ({"width": 2}, number == "3.2")
    assert BOX.stamp({"width": 4, "format": "1.0"}) == {"format": "3.1", "width": 4}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"format": "4.0"},
            r"^f is a box in format 4\.0, which is newer than the 3\.1 that this Semtune reads\. Install a newer",
        ),
        (
            {"format": "2.1"},
            r"^f is a box in format 2\.1, which this Semtune no longer reads .* Make it anew with `make box`\.$",
        ),
        ({"format": "x"}, r"^f is not a box: its format number is 'x'\. Make it anew with `make box`\.$"),
        ([], "^f is not a box: it holds no keys and values"),
        (None, "^f is not a box"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_helps(values, words):
    with pytest.raises(InputError, match=words):
        BOX.read(values, "f")


def test_a_config_of_a_later_minor_version_loses_the_keys_nobody_knows():
    given = {
        "name": "x",
        "prepare": {"source": "s", "roles": {"text": "body"}, "new": 1},
        "search": None,
        "deploy": {"to": "moon"},
    }
    assert check_config({"format": "1.9", **given}, "c.yaml", known_keys) == {
        "name": "x",
        "prepare": {"source": "s", "roles": {"text": "body"}},
        "search": None,
    }
    assert check_config({"format": 1.9, **given}, "c.yaml", known_keys)["name"] == "x"  # YAML reads a float
    for number in ({}, {"format": 1}, {"format": str(CONFIG.current)}):  # unknown keys are the caller's to refuse
        assert check_config({**number, **given}, "c.yaml", known_keys) == given


def test_a_config_of_a_later_major_version_is_refused():
    with pytest.raises(
        ConfigError, match=r"c\.yaml is a run config in format 2\.0, which is newer .* Install a newer Semtune"
    ):
        check_config({"format": 2, "name": "x"}, "c.yaml", known_keys)


def test_every_format_names_a_command():
    for form in FORMATS.values():
        assert "`semtune " in form.remake
