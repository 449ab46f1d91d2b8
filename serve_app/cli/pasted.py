"""`quantroute bench pasted-context`: whether what is asked decides."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.options import JsonOption, fail, show


def pasted_context(
    data: Annotated[
        Path,
        typer.Argument(help="JSON lines with prompts, or a folder with questions.jsonl.gz."),
    ],
    tokens: Annotated[
        int, typer.Option(help="Tokens pasted in beside each prompt.", min=1_000, max=100_000)
    ] = 6_000,
    success_model: Annotated[
        Path | None, typer.Option(help="Judge by this model instead of by the heuristics alone.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge prompts alone and beside other text, pasted in several ways: which stay the same."""
    from serve_app.adapters.success_model import load_success_model
    from serve_app.bench import pasted
    from serve_app.bench.prompts import PromptsUnusable
    from serve_app.core.errors import SuccessModelRefused
    from serve_app.service.heuristics import judge

    try:
        judged = load_success_model(success_model, local=judge).judged if success_model else judge
        result = pasted.run(data, pasted_tokens=tokens, judged=judged)
    except (PromptsUnusable, SuccessModelRefused) as exc:
        fail(str(exc))
    show(asdict(result), pasted.report(result), as_json=as_json)
