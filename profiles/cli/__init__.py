"""`quantroute`: one file per command. Thin; every command imports what it needs."""

from __future__ import annotations

import typer

from profiles.cli.bench import bench
from profiles.cli.profile import profile
from profiles.cli.publish import publish
from profiles.cli.refresh import refresh
from profiles.cli.report import report
from profiles.cli.route import route
from profiles.cli.serve import serve, weights
from profiles.cli.train import add_pair, train
from profiles.cli.tune import tune
from profiles.cli.validate import validate

cli = typer.Typer(
    name="quantroute",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Routes every LLM request to the cheapest (model, quantization) pair that meets its "
    "latency budget and accuracy floor.",
)
cli.command()(serve)
cli.command()(weights)
cli.command()(profile)
cli.command()(train)
cli.command("add-pair")(add_pair)
cli.command()(validate)
cli.command()(publish)
cli.command()(refresh)
cli.command()(report)
cli.command()(route)
cli.add_typer(bench)
cli.add_typer(tune)


def main() -> None:
    """The entry point of the `quantroute` command."""
    cli()
