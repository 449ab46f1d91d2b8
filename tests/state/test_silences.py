from __future__ import annotations

import pytest

from serve_app.state.silences import REPLICAS_KEPT, Silences
from serve_app.testing import ManualClock


async def test_a_silence_lasts_for_as_long_as_a_request_has_waited() -> None:
    clock = ManualClock(100)
    silences = Silences(["a"], clock)
    await clock.advance(5)

    assert silences.seconds("a", None, since_s=102) == 3


@pytest.mark.parametrize(
    ("replica", "silent_s"), [("r1", 1), ("r2", 3), (None, 1)], ids=["its own", "other", "pair"]
)
async def test_a_text_ends_the_silence_of_its_replica_and_of_the_pair(
    replica: str | None, silent_s: float
) -> None:
    clock = ManualClock()
    silences = Silences(["a"], clock)
    await clock.advance(2)
    silences.restart("a", "r1")
    await clock.advance(1)

    assert silences.seconds("a", replica, since_s=0) == silent_s


async def test_replicas_that_went_away_are_forgotten() -> None:
    clock = ManualClock()
    silences = Silences(["a"], clock)
    for number in range(2 * REPLICAS_KEPT):
        await clock.advance(1)
        silences.restart("a", str(number))

    assert silences.seconds("a", "0", since_s=7) == clock.now() - 7
    assert silences.seconds("a", str(2 * REPLICAS_KEPT - 1), since_s=0) == 0
