"""Tuned weights as one JSON document."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING

from serve_app.cli.weights_text import weights_yaml

if TYPE_CHECKING:
    from profiles.tuning.certainty import CertaintyCurve
    from profiles.tuning.guard import GuardCurve
    from profiles.tuning.presets import Advice
    from profiles.tuning.tune import Tuning


def tuning_document(tuning: Tuning) -> str:
    """A `ratio` of `null` is all weight on accuracy."""
    document = {
        "pairs": list(tuning.pairs),
        "reference_pair": tuning.reference,
        "prompts": tuning.prompts,
        "lose": tuning.lose,
        "notes": list(tuning.notes),
        "weights": {preset: asdict(one) for preset, one in tuning.weights.items()},
        "untuned": list(tuning.untuned),
        "yaml": weights_yaml(tuning.weights),
        "marks": {name: asdict(result) for name, result in tuning.marks.items()},
        "presets": {one.preset: _advice(one, tuning.lose) for one in tuning.presets},
        "certainty": _certainty(tuning.certainty),
        "numeric_guard": None if tuning.guard is None else _guard(tuning.guard, tuning.lose),
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _advice(one: Advice, lose: float) -> dict[str, object]:
    return {
        **asdict(one),
        "ratio": _finite(one.ratio),
        "ratios_aside": [_finite(ratio) for ratio in one.ratios_aside],
        "curve": [{**asdict(point), "ratio": _finite(point.ratio)} for point in one.curve],
        "interval_rules_out_more_loss": one.rules_out_more_loss_than(lose),
    }


def _certainty(curve: CertaintyCurve) -> dict[str, object]:
    return {
        **asdict(curve),
        "points": [{**asdict(point), "share": point.share} for point in curve.points],
        "least": curve.least,
    }


def _guard(guard: GuardCurve, lose: float) -> dict[str, object]:
    return {**asdict(guard), "widest": guard.widest(lose)}


def _finite(ratio: float) -> float | None:
    return ratio if isfinite(ratio) else None
