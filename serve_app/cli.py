"""`quantroute`: one command per thing people do. Thin; every command imports what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

cli = typer.Typer(
    name="quantroute",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Routes every LLM request to the cheapest (model, quantization) pair that meets its "
    "latency budget and accuracy floor.",
)
ConfigPath = Annotated[Path, typer.Argument(help="The Serve configuration of the fleet.")]
DEFAULT_CONFIG = Path("serve_config.yaml")


@cli.command()
def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(help="Where the address answers.")] = 8000,
    ready_timeout_s: Annotated[float, typer.Option(help="Give up after this many seconds.")] = 900,
) -> None:
    """Start the whole fleet on this machine, and stop it with Ctrl-C.

    Checks the configuration, fetches or builds the weights that are missing, starts Ray, runs
    the application, and says when it answers.
    """
    from rich.console import Console

    from profiles.checkpoints import CheckpointError
    from serve_app.launch import serve as launch
    from serve_app.launch.config_file import ConfigFileError, read_config
    from serve_app.launch.weights import ensure_weights

    console = Console()
    try:
        checked = read_config(config)
        console.print(f"{config}: {len(checked.args.pairs)} pairs, configuration is sound")
        ensure_weights(checked.args, console)
        launch.serve(checked, port=port, ready_timeout_s=ready_timeout_s, console=console)
    except (ConfigFileError, CheckpointError, launch.LaunchError) as exc:
        _fail(str(exc))


def _fail(message: str) -> None:
    typer.secho(message, err=True, fg=typer.colors.RED)
    raise typer.Exit(1)


def main() -> None:
    """The entry point of the `quantroute` command."""
    cli()
