"""What the gate was shown, and what it found."""

from __future__ import annotations

from dataclasses import dataclass

from profiles.validation.checkpoint import CheckpointFacts
from profiles.validation.hints import HINTS, Hint
from profiles.validation.probe_set import Probes
from profiles.validation.vllm_log import LoadedFacts
from serve_app.core.profile import GoldenResult

REASONS_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A checkpoint by its files and, once an engine has loaded it, by that engine's answers.

    `quantizes_on_load` is whether an argument makes the engine quantize weights that are not.
    """

    facts: CheckpointFacts
    quantizes_on_load: bool = False
    loaded: LoadedFacts | None = None
    weights_loaded_bytes: int | None = None
    probes: Probes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question of the gate. Only a failure has `cause` and `remedy`."""

    name: str
    passed: bool
    seen: str
    allowed: str
    cause: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Every check that was made; `note` states why others were not."""

    checks: tuple[Check, ...]
    note: str = ""

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)


def check(name: str, *, passed: bool, seen: str, allowed: str, hint: Hint | None = None) -> Check:
    """A check with the hint of its name, or with another `hint`, if it failed."""
    cause, remedy = ("", "") if passed else hint or HINTS[name]
    return Check(name=name, passed=passed, seen=seen, allowed=allowed, cause=cause, remedy=remedy)


def golden_result(verdict: Verdict, *, date: str, checkpoint: str = "") -> GoldenResult:
    """The verdict as a profile carries it. `checkpoint` is named as in the fleet file."""
    told = [
        f"{failure.name}: {failure.seen} (allowed: {failure.allowed})"
        for failure in verdict.failures[:REASONS_TOLD]
    ]
    if (more := len(verdict.failures) - len(told)) > 0:
        told.append(f"and {more} more")
    return GoldenResult(
        passed=verdict.passed,
        reason="; ".join(told),
        date=date,
        checks=len(verdict.checks),
        checkpoint=checkpoint,
    )


def listed(names: tuple[str, ...], *, most: int = 3) -> str:
    """The first names and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
