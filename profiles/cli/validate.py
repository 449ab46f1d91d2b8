"""`quantroute validate`: which checkpoint a name means, its verdict, and the way there."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from profiles.cli.options import DATA, DEFAULT_CONFIG, INTERRUPTED, FleetOption, JsonOption, fail

if TYPE_CHECKING:
    from rich.console import RenderableType

    from profiles.profiling.engine import EngineSpec
    from profiles.validation.claims import Claim
    from profiles.validation.validate import Validation
    from profiles.validation.verdict import Check, Verdict
    from serve_app.settings import AppArgs, PairSettings

COULD_NOT_RUN = 2


class CandidateUnknown(ValueError):
    """A name is neither a path nor a pair, nor a checkpoint made here."""

    def __init__(self, name: str, pairs: tuple[str, ...]) -> None:
        super().__init__(name, pairs)
        self.name = name
        self.pairs = pairs

    def __str__(self) -> str:
        known = ", ".join(self.pairs) or "none, for there is no fleet file"
        return (
            f"{self.name!r} is no path that exists, and no pair of the fleet; pairs: {known}; "
            f"`quantroute weights` makes the checkpoints of a fleet"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A checkpoint and how it is started; `claim` is its quantization in the fleet file."""

    name: str
    spec: EngineSpec
    is_pair: bool
    claim: Claim | None = None


def find_candidates(
    checkpoint: str, parent: str | None, fleet: Path
) -> tuple[Candidate, Candidate | None]:
    """The candidate and its parent, named here or in the fleet file.

    Raises `ConfigFileError` or `CandidateUnknown`.
    """
    args = _fleet(fleet)
    candidate = _find(checkpoint, args, "candidate")
    named = parent if parent is not None else candidate.spec.parent
    return candidate, _find(named, args, "parent") if named is not None else None


def _fleet(fleet: Path) -> AppArgs | None:
    """Comparing two folders needs no fleet."""
    from serve_app.settings.config_file import read_config

    if fleet == DEFAULT_CONFIG and not fleet.exists():
        return None
    return read_config(fleet).args


def _find(name: str, args: AppArgs | None, role: str) -> Candidate:
    from profiles.cli.fleet_options import pair_specs
    from profiles.validation.claims import claim_of
    from serve_app.settings import local_checkpoint

    pairs = {pair.id: pair for pair in args.pairs} if args else {}
    if args is not None and name in pairs:
        (spec,) = pair_specs(args, [name])
        claim = claim_of(spec.pair.quantization)
        return Candidate(name=name, spec=spec, is_pair=True, claim=claim)
    folder = Path(local_checkpoint(name)).expanduser()
    if not folder.exists():
        raise CandidateUnknown(name, tuple(pairs))
    reference = pairs[args.routing.reference_pair] if args else None
    return Candidate(name=name, spec=_bare(folder, role, reference), is_pair=False)


def _bare(folder: Path, role: str, like: PairSettings | None) -> EngineSpec:
    """A checkpoint that no pair serves, started as the fleet's reference pair is."""
    from profiles.profiling.engine import EngineSpec
    from serve_app.core.fleet import CPU, Pair
    from serve_app.core.profile import Hardware, Quantization
    from serve_app.serving.llm_config import engine_kwargs

    pair = Pair(
        id=role,
        model=folder.name,
        quantization=Quantization(name="unknown", weight_bits=16, activations="bf16"),
        hardware=like.hardware if like else Hardware(accelerator=CPU, count=1, usd_per_hour=0),
        context_window=like.context_window if like else 2048,
        max_concurrency=like.max_concurrency if like else 8,
        capabilities=frozenset(),
    )
    kwargs = engine_kwargs(like) if like else {"max_model_len": 2048, "max_num_seqs": 8}
    return EngineSpec(
        pair=pair,
        checkpoint=str(folder),
        engine_kwargs={name: value for name, value in kwargs.items() if name != "quantization"},
        env=like.env if like else {},
    )


def verdict_lines(name: str, verdict: Verdict) -> RenderableType:
    """A line for each check, and under each failure what to make of it."""
    from rich.console import Group
    from rich.text import Text

    lines: list[RenderableType] = []
    for check in verdict.checks:
        lines.extend(_check(check))
    failed = len(verdict.failures)
    told = f"fails {failed} of {len(verdict.checks)} checks" if failed else "passes"
    style = "bold red" if failed else "bold green"
    lines.append(
        Text(f"{name} {told}" + (f"; {verdict.note}" if verdict.note else ""), style=style)
    )
    return Group(*lines)


def _check(check: Check) -> list[RenderableType]:
    from rich.text import Text

    if check.passed:
        return [Text.assemble(("pass", "green"), f"  {check.name}: {check.seen}")]
    return [
        Text.assemble(("FAIL", "bold red"), f"  {check.name}: {check.seen}"),
        Text(f"      allowed: {check.allowed}"),
        Text(f"      usual cause: {check.cause}"),
        Text(f"      try: {check.remedy}"),
    ]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The command's arguments, once they are known to make sense together."""

    candidate: Candidate
    parent: Candidate | None
    validation: Validation


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
    asked = _asked(checkpoint, parent, claims, fleet, thresholds, as_json=as_json)
    verdict = _run(asked.validation, as_json=as_json)
    recorded = _recorded(asked.candidate, verdict, profiles) if record else None
    _report(asked, verdict, recorded, as_json=as_json)
    if not verdict.passed:
        raise typer.Exit(1)


def _asked(
    checkpoint: str,
    parent: str | None,
    claims: str | None,
    fleet: Path,
    thresholds: Path | None,
    *,
    as_json: bool,
) -> _Asked:
    from profiles.validation.claims import UnknownClaim, claim_named
    from profiles.validation.probe_cache import ProbeCache
    from profiles.validation.probe_set import read_probes
    from profiles.validation.thresholds import ThresholdsInvalid, read_changes
    from profiles.validation.validate import Validation
    from serve_app.settings import home
    from serve_app.settings.config_file import ConfigFileError

    try:
        candidate, parents = find_candidates(checkpoint, parent, fleet)
        claim = claim_named(claims) if claims is not None else candidate.claim
        changes = {} if thresholds is None else read_changes(thresholds)
    except (CandidateUnknown, ConfigFileError, UnknownClaim, ThresholdsInvalid, OSError) as exc:
        _no_verdict(str(exc), as_json=as_json)
    if parents is None and (claim is None or claim.quantized):
        _no_verdict(
            f"{checkpoint!r} needs the checkpoint it was made from to be compared with: name it "
            f"with --parent, or claim bf16 or fp16 with --claims",
            as_json=as_json,
        )
    return _Asked(
        candidate=candidate,
        parent=parents,
        validation=Validation(
            candidate=candidate.spec,
            parent=parents.spec if parents else None,
            claim=claim,
            thresholds=changes,
            probe_set=read_probes(),
            scratch=Path(tempfile.mkdtemp(prefix="quantroute-validate-")),
            cache=ProbeCache(home() / "validation" / "probes"),
        ),
    )


def _run(asked: Validation, *, as_json: bool) -> Verdict:
    from profiles.errors import ProfilingError
    from profiles.validation.checkpoint import NoCheckpoint
    from profiles.validation.validate import ParentIncomplete
    from profiles.validation.validate import validate as judged

    try:
        with step_progress() as progress:
            verdict = asyncio.run(judged(asked, progress=progress))
    except KeyboardInterrupt:
        fail("stopped; no verdict", code=INTERRUPTED)
    except (NoCheckpoint, ParentIncomplete, ProfilingError, OSError) as exc:
        _no_verdict(str(exc), as_json=as_json)
    # Without a verdict the logs stay: an error names them.
    shutil.rmtree(asked.scratch)
    return verdict


def _no_verdict(message: str, *, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"passed": None, "error": message}))
    fail(message, code=COULD_NOT_RUN)


def _recorded(candidate: Candidate, verdict: Verdict, profiles: Path) -> Path | None:
    """The profile that now carries the verdict; `None` where the pair has none."""
    from datetime import UTC, datetime

    from profiles.validation.validate import record_verdict
    from serve_app.core.errors import CatalogError

    if not candidate.is_pair:
        return None
    date = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        return record_verdict(profiles, candidate.spec.pair, verdict, date=date)
    except (CatalogError, OSError) as exc:
        fail(f"the verdict could not be written into the profile: {exc}", code=COULD_NOT_RUN)


def _report(asked: _Asked, verdict: Verdict, recorded: Path | None, *, as_json: bool) -> None:
    from rich.console import Console

    claim = asked.validation.claim
    if as_json:
        document = {
            "passed": verdict.passed,
            "candidate": asked.candidate.name,
            "parent": asked.parent.name if asked.parent else None,
            "claim": claim.name if claim else None,
            "checks": [asdict(check) for check in verdict.checks],
            "note": verdict.note,
            "recorded": str(recorded) if recorded else None,
        }
        typer.echo(json.dumps(document, indent=2))
        return

    console = Console()
    console.print(verdict_lines(asked.candidate.name, verdict), soft_wrap=True)
    if recorded is not None:
        console.print(f"written into {recorded}", soft_wrap=True)
