"""What moved against the active catalog, and what a weekly run leaves behind.

For people as text and Markdown, for programs as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from profiles.drift.change import PairDrift, Tolerances
from profiles.drift.compare import compare
from profiles.drift.refresh import Refreshed
from serve_app.atomic_write import write_atomically
from serve_app.core.catalog import Catalog
from serve_app.core.profile import Profile

FILE = "drift.json"
JSON_FILE = "refresh.json"
MARKDOWN_FILE = "refresh.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """Every measured pair against one version; `unknown` pairs are not in it."""

    against: str
    pairs: tuple[PairDrift, ...]
    unknown: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool:
        return any(pair.changes for pair in self.pairs)


def drift_report(
    active: Catalog, measured: Iterable[Profile], tolerances: Tolerances
) -> DriftReport:
    profiles = sorted(measured, key=lambda profile: profile.pair)
    return DriftReport(
        against=active.version,
        pairs=tuple(
            compare(active.profiles[profile.pair], profile, tolerances)
            for profile in profiles
            if profile.pair in active.profiles
        ),
        unknown=tuple(p.pair for p in profiles if p.pair not in active.profiles),
    )


def drift_lines(report: DriftReport) -> Iterator[str]:
    """What moved, pair by pair, in words and numbers."""
    for drift in report.pairs:
        if not drift.changes:
            yield f"{drift.pair}: nothing moved against version {report.against}"
        yield from (f"{drift.pair}: {change.direction}: {change}" for change in drift.changes)
        yield from (f"{drift.pair}: {note}" for note in drift.notes)
    for name in report.unknown:
        yield f"{name}: not in version {report.against}, so there is nothing to compare with"


def write_drift(report: DriftReport, folder: Path) -> Path:
    """Writes `drift.json` into `folder` and returns its path."""
    path = folder / FILE
    document = {
        "against": report.against,
        "drifted": report.drifted,
        "pairs": [drift_document(pair) for pair in report.pairs],
        "unknown": report.unknown,
    }
    write_atomically(path, json.dumps(document, indent=2) + "\n")
    return path


def drift_document(drift: PairDrift) -> dict[str, object]:
    """One pair as JSON holds it."""
    changes = [{**asdict(change), "change": round(change.relative, 4)} for change in drift.changes]
    return {"pair": drift.pair, "moves": changes, "notes": drift.notes}


def write_refreshed(refreshed: Refreshed, folder: Path) -> tuple[Path, Path]:
    """Writes both files into `folder` and returns their paths."""
    paths = folder / JSON_FILE, folder / MARKDOWN_FILE
    write_atomically(paths[0], json.dumps(refreshed_document(refreshed), indent=2) + "\n")
    write_atomically(paths[1], "\n".join(refreshed_lines(refreshed)) + "\n")
    return paths


def refreshed_document(refreshed: Refreshed) -> dict[str, object]:
    return {
        "against": refreshed.against,
        "version": refreshed.version,
        "pairs": [
            {
                "pair": outcome.pair,
                "action": outcome.action,
                "reason": outcome.reason,
                "drift": drift_document(outcome.drift) if outcome.drift else None,
            }
            for outcome in refreshed.outcomes
        ],
    }


def refreshed_lines(refreshed: Refreshed) -> Iterator[str]:
    yield "# Profiles measured again"
    yield ""
    against = "an empty store" if refreshed.against is None else f"version {refreshed.against}"
    published = (
        "Nothing was published."
        if refreshed.version is None
        else f"Published as version {refreshed.version}."
    )
    yield f"Against {against}. {published}"
    yield ""
    yield "| pair | what became of it | why |"
    yield "|---|---|---|"
    for outcome in refreshed.outcomes:
        reason = outcome.reason.replace("|", "\\|").replace("\n", " ")
        yield f"| {outcome.pair} | {outcome.action} | {reason} |"
    for outcome in refreshed.outcomes:
        if (drift := outcome.drift) and (drift.changes or drift.notes):
            yield from ("", f"## {outcome.pair}", "")
            yield from (f"- {change.direction}: {change}" for change in drift.changes)
            yield from (f"- {note}" for note in drift.notes)
