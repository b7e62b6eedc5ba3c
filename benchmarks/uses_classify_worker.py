"""One classifier of uses_classify.py, in a process of its own: trains on one table, answers another, prints JSON.

python benchmarks/uses_classify_worker.py NAME MODEL_FOLDER TRAIN.csv TEST.csv
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
Rows = list[tuple[str, str]]
Answers = list[str | None]
ITERATIONS = int(os.environ.get("SETFIT_ITERATIONS", "20"))  # SetFit's pairs a text and kind; 20 in its paper


def read(path: str) -> Rows:
    """Texts and classes."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def names(model: str, train: Rows, test: Rows) -> Answers:  # noqa: ARG001 - all ways are called alike
    """Semtune, by the classes' names alone."""
    labels = ",".join(sorted({label for _, label in test}))
    return semtune(model, test, "--labels", labels)


def head(model: str, train: Rows, test: Rows) -> Answers:
    """Semtune, by examples."""
    with tempfile.TemporaryDirectory() as folder:
        return semtune(model, test, "--examples", table(Path(folder) / "examples.csv", train))


def tuned(model: str, train: Rows, test: Rows) -> Answers:
    """Semtune, by examples, with the encoder tuned where that pays."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return semtune(model, test, "--examples", table(place / "e.csv", train), "--save", str(place / "c"), "--tune")


def semtune(model: str, test: Rows, *options: str) -> Answers:
    """`semtune classify` as a command: its start and the reading of the model count too."""
    with tempfile.TemporaryDirectory() as folder:
        file = table(Path(folder) / "test.csv", test)
        command = [sys.executable, "-m", "semtune", "classify", model, file, "--column", "text", *options, "--json"]
        said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    by_line = {row["line"]: row["best"] for row in said["rows"]}
    return [by_line.get(line) for line in range(2, len(test) + 2)]


def table(path: Path, rows: Rows) -> str:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((text.replace("\n", " "), label) for text, label in rows)])
    return str(path)


def setfit(model: str, train: Rows, test: Rows) -> Answers:
    """SetFit: contrastive pairs, then a logistic head."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    rows = Dataset.from_dict({"text": [text for text, _ in train], "label": [label for _, label in train]})
    made = SetFitModel.from_pretrained(model, labels=sorted({label for _, label in train}))
    settings = TrainingArguments(
        batch_size=16, num_iterations=ITERATIONS, num_epochs=1, report_to="none", output_dir=tempfile.mkdtemp()
    )
    Trainer(model=made, args=settings, train_dataset=rows).train()
    return [str(each) for each in made.predict([text for text, _ in test])]


def tf_idf(model: str, train: Rows, test: Rows) -> Answers:  # noqa: ARG001
    """TF-IDF of words and pairs of words, and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    made = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    made.fit([text for text, _ in train], [label for _, label in train])
    return made.predict([text for text, _ in test]).tolist()


def model2vec(model: str, train: Rows, test: Rows) -> Answers:
    """model2vec's way: vectors of a static table distilled from the model, and logistic regression."""
    from model2vec import StaticModel
    from sklearn.linear_model import LogisticRegression

    made = StaticModel.from_pretrained(str(distilled(model)))
    shown, asked = made.encode([text for text, _ in train]), made.encode([text for text, _ in test])
    return LogisticRegression(C=10, max_iter=1000).fit(shown, [label for _, label in train]).predict(asked).tolist()


def distilled(model: str) -> Path:
    """The static table of a model; made once, and not timed, since people take one that is ready."""
    folder = Path(tempfile.gettempdir()) / f"model2vec-{Path(model).name}"
    if not folder.is_dir():
        from model2vec.distill import distill

        distill(model_name=model, pca_dims=256).save_pretrained(folder)
    return folder


WAYS: dict[str, Any] = {
    "Semtune, names": names, "Semtune, examples": head, "Semtune, tuned": tuned, "SetFit": setfit,
    "TF-IDF + logistic": tf_idf, "model2vec + logistic": model2vec,
}  # fmt: skip


def main() -> None:
    """Train, answer, print."""
    name, model, train, test = sys.argv[1:5]
    shown, asked = read(train), read(test)
    real = sys.stdout
    sys.stdout = sys.stderr  # SetFit prints
    if name == "model2vec + logistic":
        distilled(model)
    began = time.perf_counter()
    said = WAYS[name](model, shown, asked)
    seconds = time.perf_counter() - began
    right = [int(answer == label) for answer, (_, label) in zip(said, asked, strict=True)]
    print(json.dumps({"seconds": round(seconds, 2), "right": right}), file=real)


if __name__ == "__main__":
    main()
