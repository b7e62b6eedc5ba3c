"""`semtune distil`: a teacher in, a smaller or multilingual student out, measured against it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, SEED, TRAIN, Console

Teacher = Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")]
To = Annotated[
    str,
    typer.Option(
        "--to",
        help="static: a table of token vectors; layers: fewer of its layers; dims: shorter vectors; multilingual: its "
        "space in --student; query: a small encoder of queries, beside the teacher for documents.",
    ),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="The model folder to write.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="A data set, a run, or a table of pairs: what is learned from, and its test part measured on."
    ),
]
Layers = Annotated[
    int | None, typer.Option("--layers", help="Layers to keep; by default half of them with layers, 2 with query.")
]
QueryEncoder = Annotated[
    str | None,
    typer.Option(
        "--query-encoder",
        help="With query: layers, some of the teacher's, or static, a table of token vectors; by default what is "
        "better on dev.",
    ),
]
StudentName = Annotated[
    str | None, typer.Option("--student", help="The multilingual backbone: a name, a hub id or a folder.")
]
Dim = Annotated[
    int | None,
    typer.Option("--dim", help="Dimensions of the vectors, with static or dims; static: by default the teacher's."),
]


def distil(
    teacher: Teacher,
    to: To,
    out: Out,
    data: Data = None,
    layers: Layers = None,
    student: StudentName = None,
    dim: Dim = None,
    query_encoder: QueryEncoder = None,
    settings: Annotated[list[str] | None, TRAIN] = None,
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Make a faster or multilingual student of a model and measure it against its teacher.

    Killed, the same command continues.
    """
    from semtune import api
    from semtune.config import parse_section
    from semtune.distillation import way_settings

    console = Console(as_json)
    given = parse_section("train", settings or [])
    chosen = way_settings(to, **{name: getattr(given, name) for name in given.model_fields_set})
    with console.progress() as progress:
        made = api.distil(
            teacher, to, out, data=data, layers=layers, student=student, dim=dim, query_encoder=query_encoder,
            settings=chosen, seed=seed, progress=progress,
        )  # fmt: skip
    console.say(f"{out}: {made.how}")
    for line in made.lines:
        console.say(f"  {line}")
    console.document(
        {
            "path": str(out),
            "dimension": made.contract.dimension,
            "fingerprint": made.contract.fingerprint,
            **made.facts,
        }
    )
