"""`quantroute validate`."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from serve_app.cli.options import DATA, DEFAULT_CONFIG, INTERRUPTED, FleetOption, JsonOption, fail

if TYPE_CHECKING:
    from profiles.validation.validate import Validation
    from profiles.validation.verdict import Verdict
    from serve_app.cli.candidates import Candidate

COULD_NOT_RUN = 2


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
    from serve_app.cli.candidates import CandidateUnknown, find_candidates
    from serve_app.launch.config_file import ConfigFileError
    from serve_app.settings import home

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
    from profiles.failures import ProfilingError
    from profiles.validation.checkpoint import NoCheckpoint
    from profiles.validation.validate import ParentIncomplete
    from profiles.validation.validate import validate as judged
    from serve_app.cli.step_progress import step_progress

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

    from profiles.validation.record import record_verdict
    from serve_app.core.catalog_errors import CatalogError

    if not candidate.is_pair:
        return None
    date = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        return record_verdict(profiles, candidate.spec.pair, verdict, date=date)
    except (CatalogError, OSError) as exc:
        fail(f"the verdict could not be written into the profile: {exc}", code=COULD_NOT_RUN)


def _report(asked: _Asked, verdict: Verdict, recorded: Path | None, *, as_json: bool) -> None:
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
    from rich.console import Console

    from serve_app.cli.verdict_table import verdict_lines

    console = Console()
    console.print(verdict_lines(asked.candidate.name, verdict), soft_wrap=True)
    if recorded is not None:
        console.print(f"written into {recorded}", soft_wrap=True)
