"""How long the success model takes to judge a prompt, heuristics included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from time import perf_counter, perf_counter_ns, thread_time_ns

from serve_app.adapters.success_artifact import load_artifact
from serve_app.adapters.success_model import SuccessModel
from serve_app.core.request import Prompt
from serve_app.service.heuristics import judge

DISTINCT_PROMPTS = 200
WARM_UP_ROUNDS = 50
CHARS_PER_TOKEN = 4.5
WORDS_IN_SENTENCE = 14
FREQUENT_FIRST = 4
OPTIONS = "ABCD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierBench:
    """Wall and processor time of one judgement in this thread; processor time counts no waiting."""

    pairs: int
    rounds: int
    prompt_tokens: int
    artifact_bytes: int
    load_s: float
    p50_ms: float
    p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float


def run(model: Path, *, rounds: int, prompt_tokens: int) -> ClassifierBench:
    """Judges prompts of words that the model knows: others would cost less.

    Raises `SuccessModelRefused`.
    """
    started = perf_counter()
    artifact = load_artifact(model)
    classifier = SuccessModel(artifact, local=judge)
    load_s = perf_counter() - started
    random = Random(0)
    prompts = [
        Prompt(asked=_prompt(random, artifact.terms.words, prompt_tokens))
        for _ in range(DISTINCT_PROMPTS)
    ]
    for at in range(WARM_UP_ROUNDS):
        classifier.judged(prompts[at % len(prompts)])
    wall_ms, cpu_ms = [], []
    for at in range(rounds):
        cpu_before, before = thread_time_ns(), perf_counter_ns()
        classifier.judged(prompts[at % len(prompts)])
        wall_ms.append((perf_counter_ns() - before) / 1e6)
        cpu_ms.append((thread_time_ns() - cpu_before) / 1e6)
    wall, cpu = quantiles(wall_ms, n=100), quantiles(cpu_ms, n=100)
    return ClassifierBench(
        pairs=len(artifact.header.pairs),
        rounds=rounds,
        prompt_tokens=prompt_tokens,
        artifact_bytes=model.stat().st_size,
        load_s=load_s,
        p50_ms=wall[49],
        p99_ms=wall[98],
        cpu_p50_ms=cpu[49],
        cpu_p99_ms=cpu[98],
    )


def report(result: ClassifierBench) -> str:
    return (
        f"success model, {result.pairs} pairs, {result.prompt_tokens} tokens, {result.rounds} "
        f"rounds: p50 {result.p50_ms:.2f} ms, p99 {result.p99_ms:.2f} ms; processor time p50 "
        f"{result.cpu_p50_ms:.2f} ms, p99 {result.cpu_p99_ms:.2f} ms; "
        f"{result.artifact_bytes / 1e6:.1f} MB loaded in {result.load_s:.2f} s"
    )


def _prompt(random: Random, words: tuple[str, ...], tokens: int) -> str:
    """A question and four answers to choose from; frequent words come first in `words`."""
    chosen: list[str] = []
    while sum(map(len, chosen)) + len(chosen) < tokens * CHARS_PER_TOKEN:
        chosen.append(words[int(len(words) * random.random() ** FREQUENT_FIRST)])
    sentences = [
        " ".join(chosen[at : at + WORDS_IN_SENTENCE]).capitalize() + "."
        for at in range(0, len(chosen), WORDS_IN_SENTENCE)
    ]
    asked, offered = sentences[: -len(OPTIONS)], sentences[-len(OPTIONS) :]
    lines = (f"{letter}. {text}" for letter, text in zip(OPTIONS, offered, strict=False))
    return "\n".join((" ".join(asked), *lines))
