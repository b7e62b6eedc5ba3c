import os

import pytest

from semtune import machine


@pytest.fixture
def cpus(monkeypatch, tmp_path):
    """(processors of the affinity, text of cpu.max or None) → what we may use."""

    def ask(allowed, quota):
        file = tmp_path / "cpu.max"
        file.unlink(missing_ok=True)
        if quota is not None:
            file.write_text(quota)
        monkeypatch.setattr(machine, "CPU_MAX", file)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(allowed)), raising=False)
        return machine.usable_cpus()

    return ask


@pytest.mark.parametrize(
    ("allowed", "quota", "want"),
    [
        (8, None, 8),  # no cgroup
        (8, "max 100000\n", 8),  # no quota
        (8, "200000 100000\n", 2),
        (8, "400000 50000\n", 8),
        (8, "370000 100000\n", 4),
        (8, "10000 100000\n", 1),  # a tenth of a processor is one thread
        (2, "800000 100000\n", 2),  # affinity is the smaller
        (8, "", 8),
        (8, "nonsense", 8),
        (8, "a b", 8),
    ],
)
def test_processors_are_the_smaller_of_affinity_and_quota(cpus, allowed, quota, want):
    assert cpus(allowed, quota) == want


def test_without_affinity_the_processors_are_counted(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "CPU_MAX", tmp_path / "none")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert machine.usable_cpus() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.usable_cpus() == 1


def test_memory_is_the_smaller_of_machine_and_limit(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "MEMORY_MAX", limit)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__)
    assert machine.usable_memory() == 4_096_000
    for text, want in (("max\n", 4_096_000), ("1000000\n", 1_000_000), ("9000000\n", 4_096_000)):
        limit.write_text(text)
        assert machine.usable_memory() == want


def test_free_memory_is_what_the_machine_and_the_container_have_left(monkeypatch, tmp_path):
    info, limit, now, stat = (tmp_path / name for name in ("meminfo", "memory.max", "memory.current", "memory.stat"))
    for name, file in (("INFO", info), ("MAX", limit), ("NOW", now), ("STAT", stat)):
        monkeypatch.setattr(machine, f"MEMORY_{name}", file)
    monkeypatch.setattr(machine, "usable_memory", lambda: 77)
    assert machine.free_memory() == 77  # a system that does not say
    info.write_text("MemTotal:        9000 kB\nMemAvailable:    1000 kB\n")
    assert machine.free_memory() == 1_024_000
    limit.write_text("700000\n")
    stat.write_text("anon 400000\n")
    now.write_text("500000\n")
    assert machine.free_memory() == 200_000
    stat.write_text("anon 400000\ninactive_file 60000\n")
    assert machine.free_memory() == 260_000
    now.write_text("900000\n")
    assert machine.free_memory() == 1  # not 0, which stands for not known
    limit.write_text("max\n")
    assert machine.free_memory() == 1_024_000


def test_bf16_is_read_from_the_flags(monkeypatch):
    for flags, has in (({"avx2"}, False), ({"avx2", "amx_bf16"}, True), ({"bf16"}, True), (set(), False)):
        monkeypatch.setattr(machine, "cpu_flags", lambda flags=flags: frozenset(flags))
        assert machine.has_bf16() is has
