"""`quantroute`: one file per command. Thin; every command imports what it needs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from profiles.cli.bench import bench
from profiles.cli.demo import demo
from profiles.cli.missing_extra import missing_extra
from profiles.cli.profile import profile
from profiles.cli.publish import publish
from profiles.cli.refresh import refresh
from profiles.cli.report import report
from profiles.cli.route import route
from profiles.cli.serve import serve, weights
from profiles.cli.train import add_pair, train
from profiles.cli.tune import tune
from profiles.cli.validate import validate
from serve_app import __version__

cli = typer.Typer(
    name="quantroute",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Routes every LLM request to the cheapest (model, quantization) pair that meets its "
    "latency budget and accuracy floor.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quantroute {__version__}")
        raise typer.Exit


@cli.callback()
def quantroute(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """What all commands share."""


for each in (
    serve,
    weights,
    demo,
    profile,
    train,
    add_pair,
    validate,
    publish,
    refresh,
    report,
    route,
):
    cli.command()(each)
cli.add_typer(bench)
cli.add_typer(tune)


def main() -> None:
    """The entry point of the `quantroute` command."""
    try:
        cli()
    except ModuleNotFoundError as exc:
        message = missing_extra(exc)
        if message is None:
            raise
        typer.secho(message, err=True, fg=typer.colors.RED)
        sys.exit(1)
