"""`quantroute validate`: which checkpoint a name means, its verdict, and the way there."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.fleet_options import pair_specs
from profiles.cli.options import DATA, DEFAULT_CONFIG, INTERRUPTED, FleetOption, JsonOption, fail
from serve_app.core.errors import CatalogError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from profiles.profiling.engine import EngineSpec
    from profiles.validation.claims import Claim
    from profiles.validation.validate import Validation
    from profiles.validation.verdict import Verdict
    from serve_app.settings import AppArgs

COULD_NOT_RUN = 2


class CandidateUnusable(ValueError):
    """The checkpoint or its parent is not known. Says what is, or what to name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """How a checkpoint is started; of a pair also its quantization in the fleet file."""

    spec: EngineSpec
    claim: Claim | None = None


def find_candidates(
    checkpoint: str, parent: str | None, fleet: Path
) -> tuple[Candidate, Candidate | None]:
    """The candidate and its parent, named here or in the fleet file.

    Raises `ConfigFileError` or `CandidateUnusable`.
    """
    from serve_app.settings.config_file import read_config

    # Comparing two folders needs no fleet.
    needs_fleet = fleet != DEFAULT_CONFIG or fleet.exists()
    args = read_config(fleet).args if needs_fleet else None
    candidate = _find(checkpoint, args, "candidate")
    named = parent if parent is not None else candidate.spec.parent
    return candidate, _find(named, args, "parent") if named is not None else None


def _find(name: str, args: AppArgs | None, role: str) -> Candidate:
    """A pair of the fleet, or a folder that is started as the fleet's reference pair is."""
    from profiles.profiling.engine import EngineSpec
    from profiles.validation.claims import claim_of
    from serve_app.core.fleet import CPU, Pair
    from serve_app.core.profile import Hardware, Quantization
    from serve_app.settings import local_checkpoint

    pairs = {spec.pair.id: spec for spec in pair_specs(args, [])} if args else {}
    if name in pairs:
        spec = pairs[name]
        return Candidate(spec=spec, claim=claim_of(spec.pair.quantization))
    folder = Path(local_checkpoint(name)).expanduser()
    if not folder.exists():
        known = ", ".join(pairs) or "none, for there is no fleet file"
        raise CandidateUnusable(
            f"{name!r} is no path that exists, and no pair of the fleet; pairs: {known}; "
            f"`quantroute weights` makes the checkpoints of a fleet"
        )
    pair = Pair(
        id=role,
        model=folder.name,
        quantization=Quantization(name="unknown", weight_bits=16, activations="bf16"),
        hardware=Hardware(accelerator=CPU, count=1, usd_per_hour=0),
        context_window=2048,
        max_concurrency=8,
        capabilities=frozenset(),
    )
    spec = EngineSpec(
        pair=pair,
        checkpoint=str(folder),
        engine_kwargs={"max_model_len": pair.context_window, "max_num_seqs": pair.max_concurrency},
    )
    if args:
        like = pairs[args.routing.reference_pair]
        kwargs = {k: value for k, value in like.engine_kwargs.items() if k != "quantization"}
        pair = replace(
            like.pair,
            id=role,
            model=pair.model,
            quantization=pair.quantization,
            capabilities=frozenset(),
        )
        spec = replace(spec, pair=pair, engine_kwargs=kwargs, env=like.env)
    return Candidate(spec=spec)


def verdict_lines(name: str, verdict: Verdict) -> RenderableType:
    """A line for each check, and under each failure what to make of it."""
    from rich.console import Group
    from rich.text import Text

    lines: list[RenderableType] = []
    for check in verdict.checks:
        word, style = ("pass", "green") if check.passed else ("FAIL", "bold red")
        lines.append(Text.assemble((word, style), f"  {check.name}: {check.seen}"))
        if not check.passed:
            lines.append(Text(f"      allowed: {check.allowed}"))
            lines.append(Text(f"      usual cause: {check.cause}"))
            lines.append(Text(f"      try: {check.remedy}"))
    failed = len(verdict.failures)
    found = f"fails {failed} of {len(verdict.checks)} checks" if failed else "passes"
    note = f"; {verdict.note}" if verdict.note else ""
    lines.append(Text(f"{name} {found}{note}", style="bold red" if failed else "bold green"))
    return Group(*lines)


@contextmanager
def step_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Takes (step, done, of); draws on standard error, standard output stays for results."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        bar = bars.add_task("", total=None)
        shown = ""

        def show(step: str, done: int, of: int) -> None:
            nonlocal shown
            if bars.disable and step != shown:
                console.print(step, highlight=False, soft_wrap=True)
            shown = step
            bars.update(bar, description=step, completed=done, total=of)

        yield show


def validate(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="A checkpoint's path, or a pair's id.")
    ],
    parent: Annotated[
        str | None,
        typer.Option(
            metavar="CHECKPOINT",
            help="The unquantized checkpoint it was made from: a path or a pair's id. A pair "
            "has its parent in the fleet file.",
        ),
    ] = None,
    claims: Annotated[
        str | None,
        typer.Option(help="What it claims to be, as w8a8. A pair has it in the fleet file."),
    ] = None,
    fleet: FleetOption = DEFAULT_CONFIG,
    thresholds: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML with thresholds that differ from the defaults."),
    ] = None,
    profiles: Annotated[
        Path, typer.Option(help="Where the pair's profile is, that takes the verdict.")
    ] = DATA,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Write the verdict into that profile.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Judge whether a checkpoint is what it claims and near enough to its parent to serve.

    Reads its files, then starts the parent's engine and its own, one after the other, and compares
    what they make of the golden probes. Ends with 0 when it passes, 1 when it fails, 2 when it
    could not be judged.
    """
    from rich.console import Console

    from profiles.errors import ProfilingError
    from profiles.validation import validate as gate
    from profiles.validation.checkpoint import NoCheckpoint
    from profiles.validation.claims import UnknownClaim
    from profiles.validation.thresholds import ThresholdsInvalid
    from serve_app.settings.config_file import ConfigFileError

    unusable = (CandidateUnusable, ConfigFileError, UnknownClaim, ThresholdsInvalid, NoCheckpoint)
    try:
        candidate, validation = _asked(checkpoint, parent, claims, fleet, thresholds)
        with step_progress() as progress:
            verdict = asyncio.run(gate.validate(validation, progress=progress))
    except KeyboardInterrupt:
        fail("stopped; no verdict", code=INTERRUPTED)
    except (*unusable, gate.ParentIncomplete, ProfilingError, OSError) as exc:
        if as_json:
            typer.echo(json.dumps({"passed": None, "error": str(exc)}))
        fail(str(exc), code=COULD_NOT_RUN)
    # Without a verdict the logs stay: an error names them.
    shutil.rmtree(validation.scratch)
    recorded = None
    if record and candidate.claim is not None:
        date = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            recorded = gate.record_verdict(profiles, candidate.spec, verdict, date=date)
        except (CatalogError, OSError) as exc:
            fail(f"the verdict could not be written into the profile: {exc}", code=COULD_NOT_RUN)
    if as_json:
        document = {
            "passed": verdict.passed,
            "candidate": checkpoint,
            "parent": parent if parent is not None else candidate.spec.parent,
            "claim": validation.claim.name if validation.claim else None,
            "checks": [asdict(check) for check in verdict.checks],
            "note": verdict.note,
            "recorded": str(recorded) if recorded else None,
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        console = Console()
        console.print(verdict_lines(checkpoint, verdict), soft_wrap=True)
        if recorded is not None:
            console.print(f"written into {recorded}", soft_wrap=True)
    if not verdict.passed:
        raise typer.Exit(1)


def _asked(
    checkpoint: str, parent: str | None, claims: str | None, fleet: Path, thresholds: Path | None
) -> tuple[Candidate, Validation]:
    """The candidate and how to compare it, where the command's arguments make sense together."""
    from profiles.validation.claims import claim_named
    from profiles.validation.probe_cache import ProbeCache
    from profiles.validation.probe_set import read_probes
    from profiles.validation.thresholds import read_changes
    from profiles.validation.validate import Validation
    from serve_app.settings import home

    candidate, reference = find_candidates(checkpoint, parent, fleet)
    claim = claim_named(claims) if claims is not None else candidate.claim
    changes = {} if thresholds is None else read_changes(thresholds)
    if reference is None and (claim is None or claim.quantized):
        raise CandidateUnusable(
            f"{checkpoint!r} needs the checkpoint it was made from to be compared with: name it "
            f"with --parent, or claim bf16 or fp16 with --claims"
        )
    return candidate, Validation(
        candidate=candidate.spec,
        parent=reference.spec if reference else None,
        claim=claim,
        thresholds=changes,
        probe_set=read_probes(),
        scratch=Path(tempfile.mkdtemp(prefix="quantroute-validate-")),
        cache=ProbeCache(home() / "validation" / "probes"),
    )
