"""What is open of an index follows its switches; nobody is interrupted, and a bad version changes nothing."""

import logging
import threading
import time

import pytest

from semtune.index import versions
from semtune.index.follow import Following


class Thing:
    """Something that is open; says when it was closed."""

    def __init__(self, name):
        self.name, self.closed = name, False


@pytest.fixture
def place(tmp_path):
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def switch(index):
    new = versions.next_folder(index)
    new.mkdir(parents=True)
    versions.switch(index, new)


def follow(index, open_=None):
    made = []

    def usual():
        made.append(Thing(versions.current(index).name))
        return made[-1]

    return Following(index, open_ or usual, lambda thing: setattr(thing, "closed", True), every=0.01), made


def wait(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_block_keeps_what_it_began_with(place):
    following, made = follow(place)
    with following.current() as old:
        switch(place)
        wait(lambda: following.value.name == "2")
        assert (old.name, old.closed) == ("index", False)
        with following.current() as new:
            assert new.name == "2"
    assert old.closed
    assert not new.closed
    following.close()
    assert [thing.closed for thing in made] == [True, True]


def test_nothing_is_opened_again_without_a_switch(place):
    following, made = follow(place)
    for _ in range(5):
        time.sleep(0.02)
        with following.current():
            pass
    assert len(made) == 1


def test_requests_go_on_while_the_new_version_is_opened(place):
    gate, first = threading.Event(), []

    def slow():
        if first:
            gate.wait(20)
        first.append(1)
        return Thing(versions.current(place).name)

    following, _ = follow(place, slow)
    switch(place)
    time.sleep(0.02)
    for _ in range(3):
        with following.current() as thing:
            assert thing.name == "index"
    gate.set()
    wait(lambda: following.value.name == "2")


def test_a_version_that_cannot_be_opened_is_logged_and_the_old_one_stays(place, caplog):
    first = []

    def broken():
        if first:
            raise OSError("no such model")
        first.append(1)
        return Thing("index")

    following, _ = follow(place, broken)
    switch(place)
    with caplog.at_level(logging.WARNING):
        time.sleep(0.02)
        assert following.value.name == "index"
        wait(lambda: "cannot be opened" in caplog.text)
    with following.current() as thing:
        assert not thing.closed


def test_an_index_that_was_built_anew_is_opened_again(place, tmp_path):
    following, made = follow(place)
    place.rename(tmp_path / "old")
    time.sleep(0.02)
    with following.current() as thing:  # for a moment there is no index
        assert thing is made[0]
    (tmp_path / "index").mkdir()
    wait(lambda: following.value is not made[0])
    following.close()


def test_closing_waits_for_the_last_block(place):
    following, made = follow(place)
    with following.current():
        following.close()
        assert not made[0].closed
    assert made[0].closed
    following.close()
