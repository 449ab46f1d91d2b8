"""Whether two profiles of the same pairs say the same: p50 TPOT at every point."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serve_app.core.profile import Profile
from serve_app.store.codec import decode_profile

TARGET = 0.10


class NothingToCompare(ValueError):
    """Two folders have no pair, or a pair no point, in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRepeat:
    """A point in both; changes are shares of the first."""

    pair: str
    concurrency: int
    prompt_tokens: int
    tpot_first_ms: float
    tpot_second_ms: float
    tpot_change: float
    ttft_change: float

    @property
    def within(self) -> bool:
        return abs(self.tpot_change) <= TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatBench:
    """Every point that both folders have."""

    points: tuple[PointRepeat, ...]

    @property
    def met(self) -> bool:
        return all(point.within for point in self.points)


def run(first: Path, second: Path) -> RepeatBench:
    """Raises `NothingToCompare`, `OSError` or `CatalogInvalid`."""
    before, after = _profiles(first), _profiles(second)
    common = sorted(set(before) & set(after))
    if not common:
        raise NothingToCompare(
            f"{first} has profiles of {sorted(before) or 'no pair'}, {second} of "
            f"{sorted(after) or 'no pair'}: profile the same pairs into both"
        )
    return RepeatBench(
        points=tuple(point for pair in common for point in compared(before[pair], after[pair]))
    )


def compared(first: Profile, second: Profile) -> tuple[PointRepeat, ...]:
    """The points of one pair."""
    was, now = first.latency, second.latency
    if (was.concurrency, was.prompt_tokens) != (now.concurrency, now.prompt_tokens):
        raise NothingToCompare(
            f"{first.pair!r} was measured at concurrency {list(was.concurrency)} and prompts of "
            f"{list(was.prompt_tokens)} tokens, then at {list(now.concurrency)} and "
            f"{list(now.prompt_tokens)}: profile both with the same grid"
        )
    return tuple(
        PointRepeat(
            pair=first.pair,
            concurrency=concurrency,
            prompt_tokens=prompt_tokens,
            tpot_first_ms=was.tpot_ms.p50[row][column],
            tpot_second_ms=now.tpot_ms.p50[row][column],
            tpot_change=now.tpot_ms.p50[row][column] / was.tpot_ms.p50[row][column] - 1,
            ttft_change=now.ttft_ms.p50[row][column] / was.ttft_ms.p50[row][column] - 1,
        )
        for row, concurrency in enumerate(was.concurrency)
        for column, prompt_tokens in enumerate(was.prompt_tokens)
    )


def as_document(result: RepeatBench) -> dict[str, Any]:
    return {"target": TARGET, "met": result.met, "points": [asdict(p) for p in result.points]}


def report(result: RepeatBench) -> str:
    worst = max(result.points, key=lambda point: abs(point.tpot_change))
    outside = sum(not point.within for point in result.points)
    lines = [
        f"{point.pair}, {point.concurrency} at once, {point.prompt_tokens} tokens: p50 TPOT "
        f"{point.tpot_first_ms:.1f} then {point.tpot_second_ms:.1f} ms ({point.tpot_change:+.1%}), "
        f"TTFT {point.ttft_change:+.1%}"
        for point in result.points
    ]
    verdict = "met" if result.met else f"MISSED at {outside} of {len(result.points)} points"
    lines.append(
        f"the farthest is {abs(worst.tpot_change):.1%} off ({worst.pair}, {worst.concurrency} at "
        f"once, {worst.prompt_tokens} tokens); the target of {TARGET:.0%} is {verdict}"
    )
    return "\n".join(lines)


def _profiles(folder: Path) -> dict[str, Profile]:
    found = (decode_profile(path.read_bytes(), str(path)) for path in folder.glob("*/*@*.json"))
    return {profile.pair: profile for profile in found}
