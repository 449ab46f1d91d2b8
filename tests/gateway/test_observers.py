"""Listeners observe answers, and no answer waits for them or fails with them."""

from __future__ import annotations

import asyncio

import pytest

from serve_app.core.cost import Usage
from serve_app.core.decision import RoutingResult
from serve_app.core.errors import EngineFailed
from serve_app.core.events import Answered
from serve_app.core.inference_request import InferenceRequest
from serve_app.gateway.answer import ClientDisconnected
from serve_app.testing import Script
from tests.gateways import GatewayUnderTest, a_request, gateway_under_test, whole


class Recorder:
    """A listener and its only observer."""

    def __init__(self) -> None:
        self.pairs: list[str] = []
        self.texts: list[str] = []
        self.ends: list[tuple[Usage, bool]] = []

    def answered(self, request: InferenceRequest, routing: RoutingResult, pair: str) -> Recorder:
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

    def answered(self, request: InferenceRequest, routing: RoutingResult, pair: str) -> Recorder:
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

    def answered(self, request: InferenceRequest, routing: RoutingResult, pair: str) -> Recorder:
        self.work.append(asyncio.ensure_future(asyncio.Event().wait()))
        return super().answered(request, routing, pair)


async def streamed(under_test: GatewayUnderTest) -> list[str]:
    async with under_test.gateway.answer(a_request(stream=True)) as answer:
        return [text async for text in answer.chunks()]


async def test_a_listener_gets_the_pair_the_texts_and_the_end_of_an_answer() -> None:
    under_test, recorder = gateway_under_test(), Recorder()
    under_test.gateway.listen(recorder)

    texts = await streamed(under_test)

    assert recorder.pairs == ["cheap"]
    assert len(recorder.texts) >= len(texts)
    assert recorder.ends == [(Usage(prompt_tokens=7, completion_tokens=2), True)]


async def test_a_listener_that_wants_nothing_of_an_answer_gets_nothing() -> None:
    class Uninterested(Recorder):
        def answered(self, request: InferenceRequest, routing: RoutingResult, pair: str) -> None:  # type: ignore[override]
            """Returns no observer."""

    under_test, listener = gateway_under_test(), Uninterested()
    under_test.gateway.listen(listener)

    await streamed(under_test)

    assert (listener.texts, listener.ends) == ([], [])


async def test_an_answer_whose_caller_left_is_not_complete() -> None:
    under_test, recorder = gateway_under_test(), Recorder()
    under_test.gateway.listen(recorder)

    with pytest.raises(ClientDisconnected):
        async with under_test.gateway.answer(a_request(stream=True)):
            raise ClientDisconnected

    assert [complete for _, complete in recorder.ends] == [False]


async def test_an_answer_whose_pair_broke_is_not_complete() -> None:
    script = Script(error=EngineFailed("cheap", "oom"), error_at=1)
    under_test, recorder = gateway_under_test({"cheap": script}), Recorder()
    under_test.gateway.listen(recorder)

    with pytest.raises(EngineFailed):
        await streamed(under_test)

    assert [complete for _, complete in recorder.ends] == [False]


@pytest.mark.parametrize("moment", ["answered", "text", "ended"])
async def test_a_listener_that_raises_harms_no_answer_and_no_other_listener(
    moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    under_test, recorder = gateway_under_test(), Recorder()
    under_test.gateway.listen(Broken(moment))
    under_test.gateway.listen(recorder)
    undisturbed = await streamed(gateway_under_test())

    assert await streamed(under_test) == undisturbed
    assert (await whole(under_test, a_request()))["model"] == "cheap"

    assert [answered.outcome for answered in under_test.events.of(Answered)] == ["ok", "ok"]
    assert [complete for _, complete in recorder.ends] == [True, True]
    assert caplog.text.count(f"RuntimeError: a bug at {moment}") == 2


async def test_no_answer_waits_for_the_work_of_a_slow_listener() -> None:
    under_test, slow = gateway_under_test(), Slow()
    under_test.gateway.listen(slow)

    assert await streamed(under_test)
    assert (await whole(under_test, a_request()))["model"] == "cheap"

    assert [work.done() for work in slow.work] == [False, False]
    for work in slow.work:
        work.cancel()
