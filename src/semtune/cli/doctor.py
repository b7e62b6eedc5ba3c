"""`semtune doctor`: what this machine has, and which paths are usable."""

from __future__ import annotations

import platform
from typing import Annotated, Any

from semtune.cli.console import JSON, Console

EXTRAS = {
    "search, index": "",
    "read documents": "prepare",
    "train, evaluate, export": "train",
    "adapters": "lora",
    "faster encoding": "openvino",
    "serve": "serve",
    "milvus": "milvus",
    "synthetic questions": "synthetic",
    "default model": "model",
}
"""What each extra is for; the base install needs none."""
BASE = ("numpy", "tokenizers", "onnxruntime", "faiss")


def doctor(as_json: Annotated[bool, JSON] = False) -> None:
    """Show what this machine has and which paths are usable."""
    console = Console(as_json)
    found = examine()
    machine = found["machine"]
    console.say(f"semtune {found['semtune']}, Python {machine['python']}, {machine['system']}")
    console.say(
        f"{machine['cpu']}: {machine['cpus']} usable CPUs, {machine['memory_gb']} GB of memory, "
        f"{machine['disk_free_gb']} GB of disk free here"
    )
    console.say(
        f"bf16 in hardware: {'yes' if machine['bf16'] else 'no'} "
        f"({', '.join(machine['flags']) or 'no vector extensions known'}); GPU: {machine['gpu']}"
    )
    for path, state in found["paths"].items():
        mark = "✓" if state["usable"] else "✗"
        hint = (
            "" if state["usable"] else f"  missing {', '.join(state['missing'])}: pip install 'semtune[{EXTRAS[path]}]'"
        )
        console.say(f"{mark} {path}{hint}")
    for name in ("runtimes", "indexes", "readers"):
        console.say(
            f"{name}: {', '.join(each if usable else f'{each} (not usable)' for each, usable in found[name].items())}"
        )
    for choice in found["fastest"]:
        console.say(_fastest(choice))
    console.document(found)


def _fastest(choice: dict[str, Any]) -> str:
    """One line on what was measured for a model."""
    speeds = ", ".join(
        f"{name} {speed['texts_per_second']:,.0f} texts/s and {speed['query_ms']:.1f} ms a query"
        for name, speed in choice["measured"].items()
    )
    return f"fastest runtime of {choice['model']}: {choice['chosen']} ({speeds})"


def examine() -> dict[str, Any]:
    """What `doctor` reports, as values."""
    import shutil
    from dataclasses import asdict

    from semtune import __version__, machine
    from semtune.encoders.fastest import remembered_choices
    from semtune.registry import EXTRA_OF, INDEXES, READERS, RUNTIMES, installed
    from semtune.run_directory import versions

    paths = {}
    for path, extra in EXTRAS.items():
        modules = [module for module, brings in EXTRA_OF.items() if brings == extra] if extra else BASE
        missing = [module for module in modules if not installed(module)]
        paths[path] = {"usable": not missing, "missing": missing}
    tables = {"runtimes": RUNTIMES, "indexes": INDEXES, "readers": READERS}
    packages = (
        "numpy",
        "tokenizers",
        "onnxruntime",
        "openvino",
        "faiss-cpu",
        "torch",
        "transformers",
        "sentence-transformers",
        "fastapi",
        "pymilvus",
        "milvus-lite",
    )
    return {
        "semtune": __version__,
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "cpu": machine.cpu_name(),
            "cpus": machine.usable_cpus(),
            "memory_gb": round(machine.usable_memory() / 1e9, 1),
            "disk_free_gb": round(shutil.disk_usage(".").free / 1e9, 1),
            "flags": sorted(machine.cpu_flags()),
            "bf16": machine.has_bf16(),
            "gpu": _gpu(installed("torch")),
        },
        "paths": paths,
        **{name: {entry.name: entry.usable for entry in table} for name, table in tables.items()},
        "fastest": [asdict(choice) for choice in remembered_choices()],
        "versions": versions(*packages),
    }


def _gpu(torch_here: bool) -> str:
    if not torch_here:
        return "unknown (torch is not installed)"
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
