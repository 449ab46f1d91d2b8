"""Whether prompts are judged alike when other text is pasted in beside them, per way of pasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from statistics import fmean

from profiles.bench.prompts import PromptsUnusable, read_prompts
from serve_app.classifier.heuristics import clipped, judge
from serve_app.classifier.request_text import request_in
from serve_app.core.request import Judgement, Prompt

CHARS_PER_TOKEN = 4
LEAST_PARAGRAPH_CHARS = 1_000
SAME_DIFFICULTY = 0.02
FEWEST_PROMPTS = 100

# Each takes what is asked and what is pasted in.
WAYS: Mapping[str, Callable[[str, str], str]] = {
    "labels, context first": lambda asked, text: f"Context: {text}\n\nQuestion: {asked}",
    "labels, question first": lambda asked, text: f"Question: {asked}\n\nContext:\n{text}",
    "tags, context first": lambda asked, text: f"<context>\n{text}\n</context>\n\n{asked}",
    "tags, question first": lambda asked, text: f"{asked}\n\n<context>\n{text}\n</context>",
    "fence, context first": lambda asked, text: f"```\n{text}\n```\n\n{asked}",
    "bare, context first": lambda asked, text: f"{text}\n\n{asked}",
    "bare, question first": lambda asked, text: f"{asked}\n\n{text}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WayShares:
    """Of all prompts, pasted in one way: whose request is found whole, and who is judged alike."""

    found: float
    same_task: float
    same_difficulty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PastedBench:
    """`ways` maps each way of pasting to what comes through."""

    prompts: int
    pasted_tokens: int
    ways: Mapping[str, WayShares]


def run(
    data: Path, *, pasted_tokens: int, judged: Callable[[Prompt], Judgement] = judge
) -> PastedBench:
    """Pastes other prompts of the same data beside each. Raises `PromptsUnusable`."""
    asked = list(dict.fromkeys(prompt.text.strip() for prompt in read_prompts(data)))
    if len(asked) < FEWEST_PROMPTS:
        raise PromptsUnusable(
            f"{data} has {len(asked)} different prompts: {FEWEST_PROMPTS} or more are needed, "
            "since the others are what is pasted in beside each"
        )
    alone = [judged(clipped(Prompt(asked=text))) for text in asked]
    beside = _materials(asked, pasted_tokens * CHARS_PER_TOKEN)
    return PastedBench(
        prompts=len(asked),
        pasted_tokens=pasted_tokens,
        ways={
            way: _shares(asked, alone, list(map(paste, asked, beside)), judged)
            for way, paste in WAYS.items()
        },
    )


def report(result: PastedBench) -> str:
    rows = [
        f"  {way:<24}{shares.found:>7.1%}{shares.same_task:>11.1%}{shares.same_difficulty:>17.1%}"
        for way, shares in result.ways.items()
    ]
    return "\n".join(
        (
            f"{result.prompts} prompts, each beside {result.pasted_tokens} tokens of others",
            f"  {'':<24}{'found':>7}{'same task':>11}{'same difficulty':>17}",
            *rows,
        )
    )


def _shares(
    asked: Sequence[str],
    alone: Sequence[Judgement],
    pasted: Sequence[str],
    judged: Callable[[Prompt], Judgement],
) -> WayShares:
    together = [judged(clipped(Prompt(asked=text))) for text in pasted]
    pairs = list(zip(alone, together, strict=True))
    return WayShares(
        found=fmean(
            request_in(text) == request for text, request in zip(pasted, asked, strict=True)
        ),
        same_task=fmean(one.task == other.task for one, other in pairs),
        same_difficulty=fmean(
            abs(one.difficulty - other.difficulty) <= SAME_DIFFICULTY for one, other in pairs
        ),
    )


def _materials(asked: Sequence[str], chars: int) -> list[str]:
    """For each prompt a text of others, in paragraphs as long as those of retrieved passages."""
    random = Random(0)
    lines = [" ".join(text.split()) for text in asked]
    return [
        "\n\n".join(
            _paragraph(random, lines, at) for _ in range(ceil(chars / LEAST_PARAGRAPH_CHARS))
        )
        for at in range(len(asked))
    ]


def _paragraph(random: Random, lines: Sequence[str], but: int) -> str:
    chosen: list[str] = []
    left = LEAST_PARAGRAPH_CHARS
    while left > 0:
        at = random.randrange(len(lines))
        if at != but:
            chosen.append(lines[at])
            left -= len(lines[at]) + 1
    return " ".join(chosen)
