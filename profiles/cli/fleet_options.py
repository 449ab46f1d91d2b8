"""Which pairs of a fleet a command measures, and how."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from profiles.cli.options import fail, failing_on

if TYPE_CHECKING:
    from profiles.profiling.engine import EngineSpec
    from profiles.profiling.grid import Grid
    from profiles.profiling.point import StopRule
    from profiles.profiling.profiler import ProfilingPlan
    from serve_app.settings import AppArgs
    from serve_app.settings.config_file import ConfigFile


def fleet_config(fleet: Path, *, code: int = 1) -> ConfigFile:
    """A fleet file; ends the command when it cannot be used."""
    from serve_app.settings.config_file import ConfigFileError, read_config

    with failing_on(ConfigFileError, code=code):
        return read_config(fleet)


def fleet_args(fleet: Path, *, code: int = 1) -> AppArgs:
    """The settings of a fleet file; ends the command when it cannot be used."""
    return fleet_config(fleet, code=code).args


def check_pairs(args: AppArgs, wanted: list[str]) -> None:
    """Ends the command when a wanted pair is none of the fleet's."""
    known = [pair.id for pair in args.pairs]
    for name in wanted:
        if name not in known:
            fail(f"{name!r} is no pair of the fleet; pairs: {', '.join(known)}", code=2)


def pair_specs(
    args: AppArgs,
    wanted: list[str],
    url: str | None = None,
    http_options: Mapping[str, Any] = MappingProxyType({}),
) -> list[EngineSpec]:
    """How the engines of the wanted pairs are started, or found at a URL; all pairs if none.

    `http_options` are those of the router, whose own address is no engine's.
    """
    from profiles.profiling.engine import EngineSpec
    from profiles.profiling.router_address import is_router_address
    from serve_app.serving.llm_config import engine_kwargs
    from serve_app.settings import local_checkpoint
    from serve_app.settings.secrets import SecretMissing, resolved

    check_pairs(args, wanted)
    with failing_on(SecretMissing):
        for pair in args.pairs:
            for value in pair.env.values():
                resolved(value)
            if pair.api_key is not None and (not wanted or pair.id in wanted):
                resolved(pair.api_key)
    if url is not None and len(wanted) != 1:
        fail("--url measures one engine: name the one pair that it serves", code=2)
    return [
        EngineSpec(
            pair=pair.pair,
            checkpoint=local_checkpoint(pair.checkpoint),
            checkpoint_name=pair.checkpoint,
            parent=pair.parent,
            engine_kwargs=engine_kwargs(pair),
            env=pair.env,
            url=(at := url or pair.url),
            endpoint=pair.url is not None,
            api_key=pair.api_key,
            served_model=pair.served_model,
            at_router=at is not None and is_router_address(at, http_options),
        )
        for pair in args.pairs
        if not wanted or pair.id in wanted
    ]


def profiling_plan(
    args: AppArgs,
    fleet: Path,
    items: Path,
    grid: Grid,
    rule: StopRule,
    *,
    out: Path,
    raw: Path,
    resume: bool,
) -> ProfilingPlan:
    """How every pair is measured; ends the command when the questions or tokenizer are missing."""
    from profiles.evaluation import ItemsInvalid, read_items
    from profiles.profiling.measure import PairPlan
    from profiles.profiling.profiler import ProfilingPlan
    from serve_app.settings import tokenizer_file

    reference = tokenizer_file(args)
    if reference is None:
        fail(
            f"{fleet}: reference_tokenizer names no checkpoint on this machine; run "
            f"`quantroute weights {fleet}`"
        )
    with failing_on(ItemsInvalid, OSError):
        measured = PairPlan(
            items=read_items(items),
            items_digest=sha256(items.read_bytes()).hexdigest(),
            reference_tokenizer=reference,
            grid=grid,
            rule=rule,
        )
    return ProfilingPlan(
        out=out,
        raw=raw,
        measured=measured,
        questions=items.name,
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        resume=resume,
    )
