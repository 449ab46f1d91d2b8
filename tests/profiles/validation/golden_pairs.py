"""The checkpoints of the embedded fleet, and how a test asks the golden gate about one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from profiles.checkpoints import RECIPES, ensure
from profiles.cli.validate import find_candidates
from profiles.validation.claims import claim_named
from profiles.validation.probe_cache import ProbeCache
from profiles.validation.probe_set import read_probes
from profiles.validation.validate import Step, Validation
from profiles.validation.verdict import Verdict
from serve_app.settings import home
from tests.paths import SMOLLM2_FLEET

FLEET = SMOLLM2_FLEET
PARENT = "smollm2-135m-bf16"
BF16, W8A8, W4A16 = (name for name in RECIPES if name.startswith("smollm2"))


def checkpoints() -> dict[str, Path]:
    """The folder of each, made where it is not there."""
    return ensure([BF16, W8A8, W4A16], root=home())


def a_validation(
    checkpoint: Path, claims: str, scratch: Path, engine: dict[str, str] | None = None
) -> Validation:
    """Against the fleet's unquantized pair, which is asked only once on a machine."""
    candidate, parent = find_candidates(str(checkpoint), PARENT, FLEET)
    assert parent is not None
    spec = candidate.spec
    claim = claim_named(claims)
    return Validation(
        candidate=replace(spec, engine_kwargs={**spec.engine_kwargs, **(engine or {})}),
        parent=parent.spec,
        claim=claim,
        probe_set=read_probes(),
        scratch=scratch,
        cache=ProbeCache(home() / "validation" / "probes"),
    )


def silent(step: Step, done: int, of: int) -> None:
    """Nobody looks."""


def failed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.failures}
