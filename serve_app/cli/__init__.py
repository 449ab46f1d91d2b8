"""`quantroute`: one command per thing people do. Thin; every command imports what it needs."""

from __future__ import annotations

import typer

from serve_app.cli.bench import bench
from serve_app.cli.fleet import serve, weights
from serve_app.cli.profiling import profile
from serve_app.cli.publishing import publish
from serve_app.cli.quality import add_pair, train
from serve_app.cli.refresh import refresh
from serve_app.cli.report import report
from serve_app.cli.route import route
from serve_app.cli.tune import tune
from serve_app.cli.validate import validate

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
