"""Listeners observe answers, and no answer waits for them or fails with them."""

from __future__ import annotations

import asyncio

import pytest

from serve_app.core.cost import Usage
from serve_app.core.decision import RoutingResult
from serve_app.core.errors import EngineFailed
from serve_app.core.events import Answered
from serve_app.core.inference_request import Inbound
from serve_app.gateway.answer import CallerGone
from serve_app.testing import Script
from tests.gateways import House, a_house, an_inbound, whole


class Recorder:
    """A listener and its only observer."""

    def __init__(self) -> None:
        self.pairs: list[str] = []
        self.texts: list[str] = []
        self.ends: list[tuple[Usage, bool]] = []

    def answered(self, inbound: Inbound, routing: RoutingResult, pair: str) -> Recorder:
        self.pairs.append(pair)
        return self

    def text(self, text: str) -> None:
        self.texts.append(text)

    def ended(self, usage: Usage, *, complete: bool) -> None:
        self.ends.append((usage, complete))


class Broken(Recorder):
    """Raises at one moment of an answer."""

    def __init__(self, moment: str) -> None:
        super().__init__()
        self._moment = moment

    def answered(self, inbound: Inbound, routing: RoutingResult, pair: str) -> Recorder:
        self._raise_at("answered")
        return self

    def text(self, text: str) -> None:
        self._raise_at("text")

    def ended(self, usage: Usage, *, complete: bool) -> None:
        self._raise_at("ended")

    def _raise_at(self, moment: str) -> None:
        if moment == self._moment:
            raise RuntimeError(f"a bug at {moment}")


class Slow(Recorder):
    """Starts work that does not end."""

    def __init__(self) -> None:
        super().__init__()
        self.work: list[asyncio.Future[bool]] = []

    def answered(self, inbound: Inbound, routing: RoutingResult, pair: str) -> Recorder:
        self.work.append(asyncio.ensure_future(asyncio.Event().wait()))
        return super().answered(inbound, routing, pair)


async def streamed(house: House) -> list[str]:
    async with house.gateway.answer(an_inbound(stream=True)) as answer:
        return [text async for text in answer.chunks()]


async def test_a_listener_gets_the_pair_the_texts_and_the_end_of_an_answer() -> None:
    house, recorder = a_house(), Recorder()
    house.gateway.listen(recorder)

    texts = await streamed(house)

    assert recorder.pairs == ["cheap"]
    assert len(recorder.texts) >= len(texts)
    assert recorder.ends == [(Usage(prompt_tokens=7, completion_tokens=2), True)]


async def test_a_listener_that_wants_nothing_of_an_answer_gets_nothing() -> None:
    class Uninterested(Recorder):
        def answered(self, inbound: Inbound, routing: RoutingResult, pair: str) -> None:  # type: ignore[override]
            """Returns no observer."""

    house, listener = a_house(), Uninterested()
    house.gateway.listen(listener)

    await streamed(house)

    assert (listener.texts, listener.ends) == ([], [])


async def test_an_answer_whose_caller_left_is_not_complete() -> None:
    house, recorder = a_house(), Recorder()
    house.gateway.listen(recorder)

    with pytest.raises(CallerGone):
        async with house.gateway.answer(an_inbound(stream=True)):
            raise CallerGone

    assert [complete for _, complete in recorder.ends] == [False]


async def test_an_answer_whose_pair_broke_is_not_complete() -> None:
    script = Script(error=EngineFailed("cheap", "oom"), error_at=1)
    house, recorder = a_house({"cheap": script}), Recorder()
    house.gateway.listen(recorder)

    with pytest.raises(EngineFailed):
        await streamed(house)

    assert [complete for _, complete in recorder.ends] == [False]


@pytest.mark.parametrize("moment", ["answered", "text", "ended"])
async def test_a_listener_that_raises_harms_no_answer_and_no_other_listener(
    moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    house, recorder = a_house(), Recorder()
    house.gateway.listen(Broken(moment))
    house.gateway.listen(recorder)
    undisturbed = await streamed(a_house())

    assert await streamed(house) == undisturbed
    assert (await whole(house, an_inbound()))["model"] == "cheap"

    assert [answered.outcome for answered in house.events.of(Answered)] == ["ok", "ok"]
    assert [complete for _, complete in recorder.ends] == [True, True]
    assert caplog.text.count(f"RuntimeError: a bug at {moment}") == 2


async def test_no_answer_waits_for_the_work_of_a_slow_listener() -> None:
    house, slow = a_house(), Slow()
    house.gateway.listen(slow)

    assert await streamed(house)
    assert (await whole(house, an_inbound()))["model"] == "cheap"

    assert [work.done() for work in slow.work] == [False, False]
    for work in slow.work:
        work.cancel()
