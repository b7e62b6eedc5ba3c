"""What all tests share: no network, a toy model and corpus with real files, and the place of the real data."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before any library reads it
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["SEMTUNE_MEASURE_RUNTIMES"] = "0"  # "auto" is onnxruntime, whatever the machine
os.environ.setdefault("OMP_NUM_THREADS", "1")  # toy models lose more time waiting for a second thread than it saves
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the same for toy texts

import gc
import pickle
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from browser_page import browser, page  # noqa: F401 - fixtures are found by name
from chat_index import calibrated_index, chat_model, plain_index  # noqa: F401 - likewise
from chat_server import Server
from model_variants import Variant, files, write_variant
from semtune.testing.toy_corpus import toy_documents, write_toy_folder
from semtune.testing.toy_model import write_toy_model

MANY_MODULES = 100
DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def modules_frozen():
    """One number: how many modules were loaded when the collector last froze what there was."""
    return [0]


@pytest.fixture(autouse=True)
def young_garbage_only(modules_frozen):
    """Take what imports leave, a million objects of torch and others, out of the garbage collector's sight.

    Python walks over all of it at each full collection, and every training ends with one: a fifth of its time.
    Imports come late, inside tests, so this looks again before each test; only after many new modules is it worth
    the collection before it, without which garbage would stay for good.
    """
    if len(sys.modules) >= modules_frozen[0] + MANY_MODULES:
        gc.collect()
        gc.freeze()
        modules_frozen[0] = len(sys.modules)


@pytest.fixture(scope="session", autouse=True)
def speed_in_a_hurry():
    """Passes of 10 ms instead of 200 measure the speed of encoders: every evaluation does it six times or more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semtune.encoders.speed.LEAST_SECONDS", 0.01)
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Makes a thing once for all workers: name and builder, which is given a place → what the builder returned."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def get(name, build):
        place, kept = root / f"once-{name}", root / f"once-{name}.pickle"
        with FileLock(root / f"once-{name}.lock"):
            if not kept.exists():
                place.mkdir()
                kept.write_bytes(pickle.dumps(build(place)))
            return pickle.loads(kept.read_bytes())

    return get


@pytest.fixture(scope="session")
def toy_model(once):
    """A random two-layer BERT (32 dimensions, 64 tokens) as a sentence-transformers folder; do not change it."""
    return once("toy-model", lambda place: write_toy_model(place / "model", toy_documents(20).values()))


@pytest.fixture(scope="session")
def exported(once):
    """Name of a variant → the model, exported as ONNX and TorchScript; do not change it.

    "cls" is exported into its own folder, the others into a new one.
    """

    def get(name):
        def build(place):
            from semtune.export.build import export_model

            source = write_variant(name, place / name)
            before = files(source)
            done = export_model(source, ["onnx", "torchscript"], None if name == "cls" else place / "served")
            return Variant(name, source, done.folder, done.contract, before)

        return once(f"exported-{name}", build)

    return get


@pytest.fixture(scope="session")
def toy_folder(once):
    """Twelve pages of Markdown, four questions each; do not change it."""
    return once("toy-pages", lambda place: write_toy_folder(place / "pages"))


@pytest.fixture(scope="session")
def finished(once, toy_model, toy_folder):
    """A folder with `runs/toy`, a run of the whole way (see `toy_run.settings`); copy it, do not change it."""
    from semtune.config import parse_config
    from semtune.pipeline import run_pipeline
    from toy_run import STEPS, settings

    def build(place):
        report = run_pipeline(parse_config(settings(place, toy_model, toy_folder)))
        assert [(step.step, step.status) for step in report.steps] == [(step, "done") for step in STEPS]
        return place

    return once("finished", build)


@pytest.fixture
def server(monkeypatch):
    """An answering server of chat completions; see `chat_server.Server`."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="session")
def real_data():
    """The folder of the real data sets."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def cross_encoder(tmp_path_factory, toy_folder):
    """Writes a BertForSequenceClassification of so many labels; gives its folder."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    def write(labels=1):
        folder = tmp_path_factory.mktemp("cross") / "encoder"
        toy = write_toy_model(folder.parent / "toy", [path.read_text() for path in toy_folder.iterdir()])
        config = BertConfig.from_pretrained(toy, num_labels=labels)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = BertForSequenceClassification(config)
            torch.nn.init.normal_(model.bert.embeddings.word_embeddings.weight)
            for name, values in model.named_parameters():
                if (".layer." in name and "LayerNorm" not in name) or "dense" in name or "classifier" in name:
                    values.data *= 15  # the first token sees the others
        model.save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((toy / name).read_bytes())
        return folder

    return write
