from __future__ import annotations

from serve_app.state.silences import Silences
from serve_app.testing import ManualClock


async def test_only_time_in_which_a_stream_waits_is_silence() -> None:
    clock = ManualClock()
    silences = Silences(["a", "b"], clock)

    with silences.waiting("a"):
        await clock.advance(2)
    await clock.advance(100)
    with silences.waiting("a"):
        await clock.advance(3)
        assert (silences.seconds("a"), silences.seconds("b")) == (5, 0)


async def test_streams_that_wait_together_are_one_silence() -> None:
    clock = ManualClock()
    silences = Silences(["a"], clock)

    with silences.waiting("a"), silences.waiting("a"):
        await clock.advance(2)

    assert silences.seconds("a") == 2


async def test_a_text_for_one_stream_ends_the_silence_of_all() -> None:
    clock = ManualClock()
    silences = Silences(["a"], clock)

    with silences.waiting("a"):
        await clock.advance(2)
        silences.restart("a")
        await clock.advance(1)
        assert silences.seconds("a") == 1
