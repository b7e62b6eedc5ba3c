"""The CPUs, memory and instruction sets that this process may use on this machine or in this container."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
MEMORY_MAX, MEMORY_NOW = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
MEMORY_STAT = Path("/sys/fs/cgroup/memory.stat")
CPUS = "SEMTUNE_CPUS"
"""Environment variable: the processors that this process takes at most; several servers on a machine share it so."""
MEMORY_INFO = Path("/proc/meminfo")


def usable_cpus() -> int:
    """Number of processors we may use, by affinity, the cgroup's quota and $SEMTUNE_CPUS; at least one.

    onnxruntime counts the host's processors instead (onnxruntime#29510) and slows down in containers.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_MAX.read_text().split()
        allowed = min(allowed, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass  # no cgroup v2, or "max": no quota
    share = os.environ.get(CPUS, "")
    return min(allowed, max(1, int(share))) if share.isdigit() else allowed


def usable_memory() -> int:
    """Bytes of memory we may use: the machine's, or the cgroup's limit if that is lower; 0 if unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        total = 0
    try:
        limit = int(MEMORY_MAX.read_text())
    except (OSError, ValueError):
        return total
    return min(total, limit) if total else limit


def free_memory() -> int:
    """Bytes of memory that are free or can be reclaimed; `usable_memory()` if unknown."""
    try:
        free = int(_table(MEMORY_INFO, ":")["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return usable_memory()
    try:
        limit, now = int(MEMORY_MAX.read_text()), int(MEMORY_NOW.read_text())
        # cached files are counted as used but can be dropped
        files = int(_table(MEMORY_STAT, " ").get("inactive_file", "0"))
        free = min(free, limit - now + files)
    except (OSError, ValueError):
        pass  # no cgroup v2, or "max": no limit
    return max(1, free)


def share_freed_memory() -> bool:
    """Tell glibc to let threads share what they freed; returns whether that worked.

    By default up to eight threads a processor keep it to themselves: an encoder called by ten threads then takes three
    times the memory. Call it before threads are started.
    """
    arenas = -8  # malloc.h
    try:
        return bool(ctypes.CDLL(None).mallopt(arenas, max(2, usable_cpus() // 2)))
    except (OSError, AttributeError, TypeError):
        return False


def _table(file: Path, between: str) -> dict[str, str]:
    parts = (line.partition(between) for line in file.read_text().splitlines())
    return {name: rest for name, _, rest in parts}


def cpu_flags() -> frozenset[str]:
    """The processor's instruction-set flags that Semtune uses, as Linux names them; empty on other systems."""
    wanted = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16"}
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        if line.startswith(("flags", "Features")):
            return frozenset(line.split(":", 1)[1].split()) & wanted
    return frozenset()


def has_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware (AMX or AVX512-BF16, or Arm's bf16)."""
    return bool(cpu_flags() & {"amx_bf16", "avx512_bf16", "bf16"})


def cpu_name() -> str:
    """The processor's name for reports."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def keep_freed_memory() -> bool:
    """Tell glibc to keep large freed blocks for the next allocation; returns whether that worked.

    By default glibc returns blocks above 128 KB to the kernel at once. A training step or a bulk encoding then spends
    a quarter of its time on page faults to get them back. Use it in processes that end when the work is done, because
    memory use stays at its peak. Without glibc nothing happens.
    """
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    share_freed_memory()
    return bool(mallopt(mmap_max, 0) and mallopt(trim_threshold, 2**31 - 1) and mallopt(top_pad, 64 << 20))


def is_running(process: int) -> bool:
    """Whether there is a process of this number, ours or another user's; always, where that cannot be asked."""
    if os.name != "posix":  # there, signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is there, but not ours
    return True
