"""How long the success model takes to classify a prompt, heuristics included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random
from statistics import quantiles
from time import perf_counter, perf_counter_ns, process_time_ns

from serve_app.classifier.heuristics import classify_sync, clipped
from serve_app.classifier.model_file import load_artifact
from serve_app.classifier.request_text import resolve_follow_up, segment
from serve_app.classifier.success_model import SuccessModel
from serve_app.core.request import Prompt

# What the promised times are for.
PROMISED_PAIRS = 8

DISTINCT = 200
WARM_UP_ROUNDS = 50
CHARS_PER_TOKEN = 4.5
WORDS_IN_SENTENCE = 14
FREQUENT_FIRST = 4
OPTIONS = "ABCD"
QUESTION_SHARE = 0.1
FOLLOW_UP = "and in French?"
KINDS = ("question", "pasted context", "conversation")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationTimes:
    """Wall and processor time of one classification; processor time is all threads', without
    waiting.
    """

    p50_ms: float
    p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierBench:
    """Times by kind of prompt; the size and loading time of the model."""

    pairs: int
    rounds: int
    prompt_tokens: int
    artifact_bytes: int
    load_s: float
    kinds: Mapping[str, ClassificationTimes]


def run(model: Path, *, rounds: int, prompt_tokens: int) -> ClassifierBench:
    """Judges prompts of words that the model knows: others would cost less.

    Raises `SuccessModelRefused`.
    """
    started = perf_counter()
    artifact = load_artifact(model)
    classifier = SuccessModel(artifact, local=classify_sync)
    load_s = perf_counter() - started
    random = Random(0)
    chars = int(prompt_tokens * CHARS_PER_TOKEN)
    kinds = {}
    for kind in KINDS:
        words = artifact.terms.words
        prompts = [clipped(_prompt(kind, random, words, chars)) for _ in range(DISTINCT)]
        for prompt in islice(cycle(prompts), WARM_UP_ROUNDS):
            classifier.classify_sync(prompt)
        wall_ms, cpu_ms = [], []
        for prompt in islice(cycle(prompts), rounds):
            cpu_before, before = process_time_ns(), perf_counter_ns()
            classifier.classify_sync(prompt)
            wall_ms.append((perf_counter_ns() - before) / 1e6)
            cpu_ms.append((process_time_ns() - cpu_before) / 1e6)
        wall, cpu = quantiles(wall_ms, n=100), quantiles(cpu_ms, n=100)
        kinds[kind] = ClassificationTimes(
            p50_ms=wall[49], p99_ms=wall[98], cpu_p50_ms=cpu[49], cpu_p99_ms=cpu[98]
        )
    return ClassifierBench(
        pairs=len(artifact.header.pairs),
        rounds=rounds,
        prompt_tokens=prompt_tokens,
        artifact_bytes=model.stat().st_size,
        load_s=load_s,
        kinds=kinds,
    )


def report(result: ClassifierBench) -> str:
    other = f" (times are promised for {PROMISED_PAIRS})" * (result.pairs != PROMISED_PAIRS)
    return "\n".join(
        (
            f"success model, {result.pairs} pairs{other}, {result.artifact_bytes / 1e6:.1f} MB "
            f"loaded in {result.load_s:.2f} s; {result.prompt_tokens} tokens, {result.rounds} "
            "classifications of each kind, one at a time",
            *(
                f"  {kind}: p50 {times.p50_ms:.2f} ms, p99 {times.p99_ms:.2f} ms; processor time "
                f"p50 {times.cpu_p50_ms:.2f} ms, p99 {times.cpu_p99_ms:.2f} ms"
                for kind, times in result.kinds.items()
            ),
        )
    )


def _prompt(kind: str, random: Random, words: Sequence[str], chars: int) -> Prompt:
    if kind == "conversation":
        # A request, its answer, and a turn that follows the request up.
        request, answer = (" ".join(_sentences(random, words, chars // 2)) for _ in range(2))
        return segment(resolve_follow_up([request, FOLLOW_UP]), context=answer)
    # A question and four answers to choose from, after pasted context a tenth of the prompt.
    asked_chars = chars if kind == "question" else int(chars * QUESTION_SHARE)
    sentences = _sentences(random, words, asked_chars)
    asked, offered = sentences[: -len(OPTIONS)], sentences[-len(OPTIONS) :]
    lines = (f"{letter}. {text}" for letter, text in zip(OPTIONS, offered, strict=False))
    question = "\n".join((" ".join(asked), *lines))
    if kind == "question":
        return segment(question)
    context = " ".join(_sentences(random, words, chars - len(question)))
    return segment(f"Context: {context}\n\nQuestion: {question}")


def _sentences(random: Random, words: Sequence[str], chars: int) -> list[str]:
    """About `chars` characters; frequent words come first in `words`."""
    chosen: list[str] = []
    left = chars
    while left > 0:
        chosen.append(words[int(len(words) * random.random() ** FREQUENT_FIRST)])
        left -= len(chosen[-1]) + 1
    return [
        " ".join(chosen[at : at + WORDS_IN_SENTENCE]).capitalize() + "."
        for at in range(0, len(chosen), WORDS_IN_SENTENCE)
    ]
