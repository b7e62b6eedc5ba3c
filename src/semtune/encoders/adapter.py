"""An adapter (LoRA), merged into its base when the model is opened."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import ModelError
from semtune.hub import ADAPTER_FILE
from semtune.model_places import ADAPTER_WEIGHTS, Places
from semtune.registry import need

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LEFT_OUT = {ADAPTER_FILE, *ADAPTER_WEIGHTS}


def open_adapted(found: Places, device: str | None = None) -> SentenceTransformer:
    """Open the base with the adapter's own settings, and merge the adapter into its weights.

    Raises:
        ModelError: the adapter does not fit its base.
        MissingExtraError: peft is not installed.
    """
    need("sentence_transformers", "peft")
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory(prefix="semtune-") as name:
        joined = Path(name) / found.folder.name
        _join(found, joined)
        model = SentenceTransformer(str(joined), device=device, local_files_only=True)
    try:
        transformer: Any = model.transformers_model
        conversions = vars(transformer).get("_weight_conversions")
        transformer.load_adapter(str(found.folder))
        merge_into_weights(transformer)
        transformer._weight_conversions = conversions  # the adapter's would spoil the names when the model is saved
        transformer.config._name_or_path = str(found.folder)  # not the folder of links, which is gone
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{found.folder} is an adapter that does not fit its base {found.base}: {error}") from error
    return model


def _join(found: Places, target: Path) -> None:
    """Link the files of the base and of the adapter into one folder; where both have a file, the adapter's counts."""
    target.mkdir()
    own = found.settings == found.folder
    for place in dict.fromkeys((found.backbone, found.tokenizer, found.settings)):
        for file in sorted(place.iterdir()):
            if file.is_file() and file.name not in LEFT_OUT:
                _link(file, target / file.name)
    backbone = found.modules[0].folder if found.modules else found.backbone
    for module in found.modules:
        if module.folder not in (found.folder, backbone):
            _link(module.folder, target / module.folder.name)
    if found.modules and not own and backbone != found.settings:  # a base with its backbone in a folder of its own
        _link(backbone, target / backbone.name)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    target.symlink_to(source.resolve())


def merge_into_weights(transformer: Any) -> None:
    """Add a model's adapter to its weights and take its layers out, so that the model is plain again."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for parent in list(transformer.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, BaseTunerLayer):
                child.merge()
                setattr(parent, name, child.get_base_layer())
    transformer._hf_peft_config_loaded = False
    if hasattr(transformer, "peft_config"):
        del transformer.peft_config
    for parameter in transformer.parameters():
        parameter.requires_grad_(True)
