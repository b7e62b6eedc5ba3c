import json
import os
import re
from pathlib import Path

import pytest

WORD = re.compile(r"\w+|[^\w\s]")


class WordTokenizer:
    """Counts a word or a punctuation mark as a token, and two special tokens: [CLS] ... [SEP]."""

    def lengths(self, texts, role="document"):
        return [len(WORD.findall(text)) + 2 for text in texts]


@pytest.fixture
def tokenizer():
    return WordTokenizer()


@pytest.fixture
def write_jsonl(tmp_path):
    def write(name, rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def shared_data():
    folder = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder
