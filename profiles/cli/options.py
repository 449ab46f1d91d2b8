"""Options that several commands share, and how a command answers or fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from serve_app.package_files import package_file

DEFAULT_CONFIG = Path("serve_config.yaml")
DATA = Path("profiles/data")
GOLDEN = package_file("profiles/golden/starter.jsonl")
INTERRUPTED = 130

ConfigArgument = Annotated[Path, typer.Argument(help="The Serve configuration of the fleet.")]
FleetOption = Annotated[
    Path, typer.Option("--fleet", help="The Serve configuration that describes the pairs.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
LocalOption = Annotated[
    list[str],
    typer.Option(
        "--local",
        metavar="NAME=FOLDER",
        help="Use this folder as checkpoint NAME; may be repeated.",
    ),
]
ItemsOption = Annotated[
    Path, typer.Option(help="Gradable questions, as JSONL.", show_default="the starter set")
]
SeedOption = Annotated[int, typer.Option(help="Makes the run repeatable.", min=0)]
PricesOption = Annotated[
    Path | None,
    typer.Option(help="JSON: US dollars per million tokens by pair. Adds to the known prices."),
]


def show(document: Mapping[str, object], report: str, *, as_json: bool) -> None:
    """Prints what was found, as JSON or in words."""
    typer.echo(json.dumps(document, indent=2) if as_json else report)


def tell(line: str) -> None:
    """Shows a command's progress on standard error. Standard output stays for results."""
    typer.echo(line, err=True)


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Ends the command with `message` on standard error."""
    typer.secho(message, err=True, fg=typer.colors.RED)
    raise typer.Exit(code)


@contextmanager
def failing_on(*errors: type[Exception], code: int = 1) -> Iterator[None]:
    """Ends the command with the message of any of these errors."""
    try:
        yield
    except errors as exc:
        fail(str(exc), code=code)


def named_folders(local: list[str]) -> dict[str, Path]:
    """NAME=FOLDER options as a mapping; ends the command when one has another form."""
    folders: dict[str, Path] = {}
    for option in local:
        name, equals, folder = option.partition("=")
        if not equals or not name or not folder:
            fail(f"--local {option!r} should have the form NAME=FOLDER", code=2)
        folders[name] = Path(folder)
    return folders


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """`1,4,8` as numbers; ends the command when it has another form."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        fail(f"{option} {text!r} should be whole numbers with commas between: 1,4,8", code=2)


def shares(option: str, text: str) -> tuple[float, ...]:
    """`0.1,0.5` as numbers from 0 to 1; ends the command when it has another form."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        fail(f"{option} {text!r} should be numbers with commas between: 0.1,0.5", code=2)
    if not all(0 <= share <= 1 for share in found):
        fail(f"{option} {text!r} should be from 0 to 1", code=2)
    return found
