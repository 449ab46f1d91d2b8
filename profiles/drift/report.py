"""What moved against the active catalog, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from profiles.drift.compare import compare
from profiles.drift.move import PairDrift
from profiles.drift.tolerance import Tolerances
from serve_app.adapters.atomic_file import write_atomically
from serve_app.core.catalog import Catalog
from serve_app.core.profile import Profile

FILE = "drift.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """Every measured pair against one version; `unknown` pairs are not in it."""

    against: str
    pairs: tuple[PairDrift, ...]
    unknown: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool:
        return any(pair.moves for pair in self.pairs)


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
    for pair in report.pairs:
        yield from pair_lines(pair, report.against)
    for name in report.unknown:
        yield f"{name}: not in version {report.against}, so there is nothing to compare with"


def pair_lines(drift: PairDrift, against: str) -> Iterator[str]:
    if not drift.moves:
        yield f"{drift.pair}: nothing moved against version {against}"
    for move in drift.moves:
        yield f"{drift.pair}: {move.direction}: {move}"
    for note in drift.notes:
        yield f"{drift.pair}: {note}"


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
    moves = [{**asdict(move), "change": round(move.change, 4)} for move in drift.moves]
    return {"pair": drift.pair, "moves": moves, "notes": drift.notes}
