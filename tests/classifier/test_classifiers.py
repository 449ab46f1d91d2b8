from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from serve_app.classifier.classifiers import (
    CachedClassifier,
    FallbackClassifier,
    HeuristicClassifier,
)
from serve_app.classifier.request_text import segment
from serve_app.core.breaker import BreakerSettings
from serve_app.core.errors import ClassifierUnavailable
from serve_app.core.events import ClassifierMissed
from serve_app.core.request import Prompt, PromptClassification
from serve_app.testing import ManualClock, RecordingEvents
from tests.builders import a_classification

PROMPT = segment("Who wrote The Tempest?")
LEARNED = a_classification("reasoning", origin="learned")
NEVER = 60_000.0
AT_ONCE = 0.0


async def answers(prompt: Prompt) -> PromptClassification:
    return LEARNED


async def is_down(prompt: Prompt) -> PromptClassification:
    raise ClassifierUnavailable("connection refused")


async def hangs(prompt: Prompt) -> PromptClassification:
    await asyncio.Event().wait()
    raise AssertionError("nothing sets the event")


async def has_a_bug(prompt: Prompt) -> PromptClassification:
    raise LookupError("not an error of ours")


@dataclass
class Remote:
    """A classifier whose behaviour a test swaps, and which counts how often it was asked."""

    behave: Callable[[Prompt], Awaitable[PromptClassification]]
    prompts: list[Prompt] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return len(self.prompts)

    async def classify(self, prompt: Prompt) -> PromptClassification:
        self.prompts.append(prompt)
        return await self.behave(prompt)


@dataclass
class Bench:
    """A deadline classifier with everything around it in reach."""

    remote: Remote
    deadline_ms: float = NEVER
    clock: ManualClock = field(default_factory=ManualClock)
    heard: RecordingEvents = field(default_factory=RecordingEvents)

    def classifier(self) -> FallbackClassifier:
        return FallbackClassifier(
            remote=self.remote,
            local=HeuristicClassifier(),
            deadline_ms=self.deadline_ms,
            events=self.heard,
            clock=self.clock,
            breaker=BreakerSettings(
                failures_to_open=1, cool_down_s=5.0, half_open_probes=1, slow_start_s=0
            ),
        )


async def test_the_heuristic_classifier_says_who_classified() -> None:
    classification = await HeuristicClassifier().classify(PROMPT)
    assert (classification.task, classification.origin) == ("question_answering", "heuristics")


async def test_a_remote_classification_in_time_is_returned_as_it_is() -> None:
    bench = Bench(Remote(answers))
    assert await bench.classifier().classify(PROMPT) is LEARNED
    assert bench.heard.seen == []


@pytest.mark.parametrize(
    ("behave", "deadline_ms", "reason"),
    [(hangs, AT_ONCE, "late"), (is_down, NEVER, "down")],
    ids=["late", "down"],
)
async def test_a_miss_is_classified_here_and_says_so(
    behave: Callable[[Prompt], Awaitable[PromptClassification]], deadline_ms: float, reason: str
) -> None:
    bench = Bench(Remote(behave), deadline_ms=deadline_ms)
    classification = await bench.classifier().classify(PROMPT)
    assert classification.task == "question_answering"
    assert classification.origin == f"heuristics: classifier {reason}"
    assert bench.heard.seen == [ClassifierMissed(reason=reason, asked=True)]


async def test_after_a_miss_the_remote_is_left_alone_until_the_cool_down_ends() -> None:
    bench = Bench(Remote(is_down))
    classifier = bench.classifier()
    await classifier.classify(PROMPT)
    assert (await classifier.classify(PROMPT)).origin == "heuristics: classifier down"
    assert bench.remote.asked == 1
    await bench.clock.advance(5)
    await classifier.classify(PROMPT)
    assert bench.remote.asked == 2


async def test_every_request_classified_here_for_want_of_the_remote_is_told() -> None:
    bench = Bench(Remote(is_down))
    classifier = bench.classifier()
    for _ in range(3):
        await classifier.classify(PROMPT)
    assert bench.heard.seen == [
        ClassifierMissed(reason="down", asked=True),
        ClassifierMissed(reason="down", asked=False),
        ClassifierMissed(reason="down", asked=False),
    ]


async def test_the_remote_is_used_again_once_a_probe_succeeds() -> None:
    bench = Bench(Remote(is_down))
    classifier = bench.classifier()
    await classifier.classify(PROMPT)
    bench.remote.behave = answers
    await bench.clock.advance(5)
    assert await classifier.classify(PROMPT) is LEARNED
    assert await classifier.classify(PROMPT) is LEARNED


async def test_one_request_probes_while_the_others_are_classified_here() -> None:
    bench = Bench(Remote(is_down))
    classifier = bench.classifier()
    await classifier.classify(PROMPT)
    await bench.clock.advance(5)
    bench.remote.behave = hangs
    probe = asyncio.create_task(classifier.classify(PROMPT))
    await asyncio.sleep(0)
    assert (await classifier.classify(PROMPT)).origin == "heuristics: classifier down"
    assert bench.remote.asked == 2
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe


async def test_a_cancelled_request_is_cancelled_and_counts_as_no_miss() -> None:
    bench = Bench(Remote(hangs))
    classifier = bench.classifier()
    waiting = asyncio.create_task(classifier.classify(PROMPT))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert bench.heard.seen == []
    bench.remote.behave = answers
    assert await classifier.classify(PROMPT) is LEARNED


async def test_a_bug_in_the_remote_is_not_taken_for_an_absence() -> None:
    with pytest.raises(LookupError):
        await Bench(Remote(has_a_bug)).classifier().classify(PROMPT)


async def test_a_timeout_raised_inside_the_remote_counts_as_late() -> None:
    async def times_out(prompt: Prompt) -> PromptClassification:
        raise TimeoutError

    classification = await Bench(Remote(times_out)).classifier().classify(PROMPT)
    assert classification.origin == "heuristics: classifier late"


async def test_only_the_ends_of_a_long_prompt_are_sent_away() -> None:
    bench = Bench(Remote(answers))
    await bench.classifier().classify(segment("Sum this up. " + "word " * 100_000))
    (sent,) = bench.remote.prompts
    assert len(sent.text) == 6_001
    assert sent.text_chars == 500_013


async def test_a_prompt_that_repeats_is_classified_once() -> None:
    remote = Remote(answers)
    classifier = CachedClassifier(remote, 2)
    first = await classifier.classify(PROMPT)
    assert await classifier.classify(segment(PROMPT.text)) is first
    assert remote.asked == 1


async def test_a_prompt_is_another_in_another_context() -> None:
    remote = Remote(answers)
    classifier = CachedClassifier(remote, 2)
    for context in ("", "You are a poet."):
        await classifier.classify(segment(PROMPT.text, context=context))
    assert remote.asked == 2


async def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    remote = Remote(answers)
    classifier = CachedClassifier(remote, 2)
    for asked in ("a", "b", "a", "c", "a", "b"):
        await classifier.classify(segment(asked))
    assert [prompt.text for prompt in remote.prompts] == ["a", "b", "c", "b"]


async def test_a_classification_that_did_not_come_is_not_remembered() -> None:
    remote = Remote(is_down)
    classifier = CachedClassifier(remote, 2)
    with pytest.raises(ClassifierUnavailable):
        await classifier.classify(PROMPT)
    remote.behave = answers
    assert await classifier.classify(PROMPT) is LEARNED
