"""The golden gate, for pairs of a fleet one after the other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from profiles.failures import MeasurementUnusable
from profiles.measuring.engine import EngineSpec
from profiles.validation.checkpoint import NoCheckpoint
from profiles.validation.claims import claim_of
from profiles.validation.probe_cache import ProbeCache
from profiles.validation.probe_set import read_probes
from profiles.validation.validate import ParentIncomplete, Step, Validation, validate
from profiles.validation.verdict import golden_result
from serve_app.core.profile import GoldenResult


class GoldenGate:
    """A `Gate` with the default thresholds; `place` takes logs and the parents' probes."""

    def __init__(self, place: Path) -> None:
        self._place = place

    async def judge(self, spec: EngineSpec, parent: EngineSpec | None) -> GoldenResult:
        claim = claim_of(spec.pair.quantization)
        scratch = self._place / "logs"
        scratch.mkdir(parents=True, exist_ok=True)
        asked = Validation(
            candidate=spec,
            parent=parent,
            claim=claim,
            probe_set=read_probes(),
            scratch=scratch,
            cache=ProbeCache(self._place / "probes"),
        )
        try:
            verdict = await validate(asked, progress=_unseen)
        except (NoCheckpoint, ParentIncomplete) as exc:
            raise MeasurementUnusable(str(exc)) from exc
        return golden_result(verdict, date=datetime.now(UTC).isoformat(timespec="seconds"))


def _unseen(step: Step, done: int, of: int) -> None:
    """A run that nobody watches shows no progress."""
