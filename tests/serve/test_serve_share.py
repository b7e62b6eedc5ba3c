"""Processes on one machine share its processors."""

from semtune.machine import CPUS, usable_cpus


def test_a_share_of_the_processors_can_be_given_but_not_more_than_there_are(monkeypatch):
    monkeypatch.delenv(CPUS, raising=False)
    every = usable_cpus()
    for given, allowed in (("1", 1), ("0", 1), ("100000", every), ("", every), ("many", every)):
        monkeypatch.setenv(CPUS, given)
        assert usable_cpus() == allowed
