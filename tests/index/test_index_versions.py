"""Which version of an index is searched: switched at one moment, back again, and never by two writers."""

import json
import threading
import time

import pytest

from semtune.errors import ConfigError, InputError
from semtune.index import versions
from semtune.index.versions import Versions


@pytest.fixture
def index(tmp_path):
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def made(index):
    place = versions.next_folder(index)
    place.mkdir(parents=True)
    return place


def test_an_index_begins_as_its_own_folder(index):
    assert versions.read(index) == Versions(".", "")
    assert versions.current(index) == index
    assert versions.next_folder(index) == index / "versions" / "2"


def test_a_switch_and_two_rollbacks(index):
    before = versions.mark(index)
    second = made(index)
    assert versions.mark(index) == before  # building changes nothing
    versions.switch(index, second)
    assert (versions.current(index), versions.before(index)) == (second, index)
    assert versions.mark(index) != before
    versions.switch(index, versions.before(index))
    assert (versions.current(index), versions.before(index)) == (index, second)
    versions.switch(index, versions.before(index))
    assert versions.current(index) == second
    assert json.loads((index / "current.json").read_text()) == {
        "format": "1.0", "current": "versions/2", "before": ".",
    }  # fmt: skip


def test_a_version_that_was_begun_is_continued_and_old_ones_are_superseded(index):
    second = made(index)
    assert versions.next_folder(index) == second  # begun, not yet searched
    versions.switch(index, second)
    third = made(index)
    assert third.name == "3"
    versions.switch(index, third)
    assert versions.superseded(index) == [index]  # the first; the second is kept for a rollback
    versions.switch(index, second)  # back
    fourth = made(index)
    assert fourth.name == "4"
    versions.switch(index, fourth)
    assert versions.superseded(index) == [index, third]
    made(index)
    assert versions.superseded(index) == [index, third]  # what is being built is not superseded


def test_no_version_before(index):
    with pytest.raises(ConfigError, match="never upgraded"):
        versions.before(index)


@pytest.mark.parametrize(
    "values",
    [
        {"current": "../other"}, {"current": "/etc"}, {"current": "versions/../.."}, {"wrong": 1}, {"current": "."},
        {"format": "9.0", "current": "."}, {"format": "1.0", "current": "versions/7"},
        {"format": "1.0", "current": "a/b"}, {"format": "1.0", "current": "versions"},
    ],
)  # fmt: skip
def test_a_damaged_pointer_is_refused_by_name(index, values):
    (index / "current.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"current\.json"):
        versions.current(index)


def test_a_second_writer_waits_and_is_then_refused(index):
    with versions.writing(index):
        begun = time.monotonic()
        with pytest.raises(InputError, match="is writing"), versions.writing(index, wait=0.3):
            pass
        assert 0.3 <= time.monotonic() - begun < 5
    with versions.writing(index) as place:
        assert place == index


def test_a_writer_that_waited_gets_the_version_that_was_switched_to(index):
    second, got = made(index), []

    def write():
        with versions.writing(index, wait=20) as place:
            got.append(place)

    with versions.writing(index):
        waiting = threading.Thread(target=write)
        waiting.start()
        time.sleep(0.2)
        versions.switch(index, second)
    waiting.join(20)
    assert got == [second]
