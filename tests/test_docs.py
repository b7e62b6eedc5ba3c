"""The pages: what is made from the code is current, links lead somewhere, lines are short, marked blocks run."""

import ast
import importlib.util
import io
import re
import shlex
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import yaml

from toy_run import QUESTION, settings

ROOT = Path(__file__).parents[1]
EXTRA = ["README.md", "CONTRIBUTING.md", "benchmarks/LOG.md"]
PAGES = [*(ROOT / name for name in EXTRA), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
VERB = re.compile(r"(?:^\s*|`)semtune ([a-z]+)", re.MULTILINE)
FILE = re.compile(r"`([\w/.-]+\.py)`")
CODE = ("src", "tests", "docs", "benchmarks", "examples")
MARKED = re.compile(r"^<!-- run -->\n```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r'\*\*"(.*?)"\*\*', re.DOTALL)
VARIES = re.compile(r"\.\.\.|'[^']*'|`[^`]*`|\([^)]*\)|\b[A-Z]+\b|\b\d+\b ?%?")
SPOKEN = 12  # letters of a message that must be found in the code
IMAGE_BYTES = 200_000


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(page):
    """(language, text) of the page's blocks below the mark `<!-- run -->`."""
    return MARKED.findall(page.read_text(encoding="utf-8"))


WITH_BLOCKS = [page for page in PAGES if blocks(page)]


def generator():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["api.md", "cli.md", "config.md"])
def test_the_reference_pages_are_what_the_code_says(page):
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == generator().PAGES[page](), "run `make docs`"


def test_every_public_name_is_on_the_api_page():
    import semtune

    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    missing = [name for name in semtune.__all__ if not re.search(rf"^(###? (semtune\.)?|- `){name}\b", text, re.M)]
    assert not missing


def test_the_settings_that_init_writes_are_the_common_ones():
    from semtune.cli.init import COMMON

    text = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    for section, keys in COMMON.items():
        part = re.search(rf"^## {section}: .*?(?=^## |\Z)", text, re.M | re.S)[0]
        common = part.partition("\nCommon:\n")[2].partition("\nAdvanced:\n")[0]
        named = re.findall(r"^- `(\w+)`", common, re.M)
        assert named == [key for key in re.findall(r"^- `(\w+)`", part, re.M) if key in {*keys, "source"}]
        assert set(keys) <= set(named)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_commands_in_the_pages_exist(page):
    from semtune.cli.main import app

    text = page.read_text(encoding="utf-8")
    broken = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert not broken
    verbs = {command.callback.__name__ for command in app.registered_commands}
    assert set(VERB.findall(text)) <= verbs


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_files_that_the_pages_name_exist(page):
    known = [f"/{name_of(path)}" for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    named = [name for name in FILE.findall(page.read_text(encoding="utf-8")) if not name.startswith("STEP/")]
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in known)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_have_at_most_120_characters(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120] == []


def messages():
    """Every string in the code; a space stands for what is filled in."""
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield " ".join(part.value if isinstance(part, ast.Constant) else "" for part in node.values)


def test_the_messages_that_troubleshooting_explains_are_those_of_the_code():
    said = "\n".join(" ".join(message.split()) for message in messages())
    quoted = QUOTED.findall((ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8"))
    assert len(quoted) > 40
    parts = [part.strip(" .,:;") for quote in quoted for part in VARIES.split(" ".join(quote.split()))]
    assert [part for part in parts if len(part) >= SPOKEN and part not in said] == []


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link).resolve() for link in LINK.findall(index.read_text(encoding="utf-8"))}
    assert {page for page in PAGES if page.parent == index.parent} - listed == {index}


def test_pictures_are_small_and_used():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < IMAGE_BYTES
        assert f"images/{picture.name}" in text


@pytest.fixture
def workplace(finished, toy_model, toy_folder, tmp_path, monkeypatch):
    """A folder with a copy of the finished toy run, as the current one; gives what words of the pages stand for."""
    shutil.copytree(finished / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return {
        "FOLDER": str(toy_folder), "BASE": str(toy_model), "all-MiniLM-L6-v2": str(toy_model), "NAME": "toy",
        "MODEL": "runs/toy", "DATASET": "runs/toy", "CORPUS": "runs/toy", "your question": QUESTION,
        "num_train_epochs=2": "num_train_epochs=1",
    }  # fmt: skip


def call(words):
    """Run a command in this process; gives its exit code and stdout."""
    from semtune.cli.main import main

    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            main()
    return left.value.code, out.getvalue()


def run_shell(text, workplace):
    """Run a block's commands; the config that `init` writes gives way to that of the toy run, which is finished."""
    for line in filter(None, (line.partition("  #")[0].strip() for line in text.splitlines())):
        words = shlex.split(line)
        assert words[0] == "semtune"
        code, _ = call(words)
        assert code == 0, line
        if words[1] == "init":
            written = yaml.safe_load(Path("semtune.yaml").read_text(encoding="utf-8"))
            assert written["prepare"]["source"] == workplace["FOLDER"]
            toy = settings(Path.cwd(), workplace["BASE"], workplace["FOLDER"])
            Path("semtune.yaml").write_text(yaml.safe_dump(toy), encoding="utf-8")


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name_of)
def test_marked_blocks_run(page, workplace, capsys):
    """`<!-- run -->` above a block: its commands, or its Python, run in the folder of a finished run."""
    for language, text in blocks(page):
        for word, meant in workplace.items():
            text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", lambda _, meant=meant: meant, text)
        if language == "python":
            exec(compile(text, page.name, "exec"), {"__name__": "__main__"})
        else:
            run_shell(text, workplace)


def test_the_readme_takes_a_folder_to_a_search_in_twelve_lines(workplace):
    assert ROOT / "README.md" in WITH_BLOCKS
    (language, commands), (python, text) = blocks(ROOT / "README.md")
    assert (language, python) == ("", "python")
    assert [line.split()[1] for line in commands.splitlines()] == ["init", "run", "search"]
    assert len([line for line in text.splitlines() if line]) <= 12
    for step in ("prepare(", "train(", "export(", "evaluate(", "index(", "Searcher.open("):
        assert f"semtune.{step}" in text
