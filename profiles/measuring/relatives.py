"""A pair's graded answers beside its profile, where pairs made from it find them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from profiles.evaluation import Outcome, OutcomesInvalid, read_outcomes, write_outcomes
from profiles.failures import MeasurementUnusable
from profiles.measuring.engine import EngineSpec


def outcomes_path(profile: Path) -> Path:
    """`<pair>@<accelerator>.outcomes.jsonl` beside the profile of that name."""
    return profile.with_name(f"{profile.stem}.outcomes.jsonl")


def write_own_outcomes(profile: Path, outcomes: Sequence[Outcome], *, items_digest: str) -> None:
    write_outcomes(outcomes_path(profile), outcomes, items_digest=items_digest)


def parent_outcomes(profile: Path, spec: EngineSpec, *, items_digest: str) -> tuple[Outcome, ...]:
    """The parent's answers to the same questions; none where it has no such answers here.

    Raises `MeasurementUnusable` when its file is damaged.
    """
    if spec.parent is None:
        return ()
    path = outcomes_path(profile.with_name(f"{spec.parent}@{spec.pair.hardware.accelerator}.json"))
    if not path.exists():
        return ()
    try:
        digest, outcomes = read_outcomes(path)
    except OutcomesInvalid as exc:
        raise MeasurementUnusable(
            f"{exc}; profile {spec.parent!r} again, then use --resume"
        ) from exc
    return outcomes if digest == items_digest else ()
