from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from profiles.tuning.case import Case
from profiles.tuning.certainty import CertaintyCurve, CertaintyPoint, certainty_curve
from profiles.tuning.out_of_fold import OutOfFold
from tests.profiles.tuning.cases import a_case


def curve(case: Case, means: np.ndarray, *floors: float) -> CertaintyCurve:
    return certainty_curve(
        case,
        OutOfFold(means=means, likely_kinds=("any",) * len(means)),
        floors=floors,
        seed=0,
        progress=lambda line: None,
    )


def uncertain(count: int = 1_000) -> tuple[Case, np.ndarray]:
    """Both pairs are right less often than predicted: bounds have to learn by how much."""
    random = np.random.default_rng(0)
    means = np.column_stack((random.uniform(0.4, 0.9, count), random.uniform(0.7, 1.0, count)))
    scores = (random.random(means.shape) < means - 0.2).astype(float)
    return a_case(means.tolist(), scores.tolist()), means


def test_more_certainty_keeps_more_floors_for_more_money() -> None:
    points = curve(*uncertain(), 0.4, 0.5, 0.6).points
    least, most = points[0], points[-1]
    assert (least.certainty, most.certainty) == (-1.0, 2.0)
    assert least.share < most.share
    assert least.usd < most.usd
    assert all(point.worst <= point.share for point in points)
    assert [point.usd for point in points] == sorted(point.usd for point in points)


def test_floors_out_of_every_pairs_reach_have_no_least_certainty() -> None:
    case, means = uncertain()
    nobody = replace(case, answers=replace(case.answers, scores=np.zeros_like(means)))
    found = curve(nobody, means, 0.9)
    assert all(point.reachable == 0 for point in found.points)
    assert found.least is None


@pytest.mark.parametrize(
    ("kept", "least"), [((90, 96, 99), 0.0), ((96, 97, 99), -1.0), ((90, 91, 94), None)]
)
def test_the_least_certainty_is_the_first_that_keeps_enough(
    kept: tuple[int, ...], least: float | None
) -> None:
    points = tuple(
        CertaintyPoint(
            certainty=certainty, kept=cells, reachable=100, worst=0.5, complying=0.5, usd=1.0
        )
        for certainty, cells in zip((-1.0, 0.0, 1.0), kept, strict=True)
    )
    assert CertaintyCurve(floors=(0.5,), splits=1, points=points).least == least
