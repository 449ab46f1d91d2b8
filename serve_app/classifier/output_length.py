"""How long an answer will be, from the task and from the length that the request asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from serve_app.classifier.lexicon import NUMBER_WORDS, word_set
from serve_app.core.request import Prompt, Task

CHARS_PER_TOKEN = 4.5
LONGEST_TOKENS = 8192
REFERS_BACK_CHARS = 160


class OutputTokens(NamedTuple):
    """Median and 95th percentile of an answer's length."""

    p50: int
    p95: int


# What instruction-tuned models write if the request does not mention the length.
TYPICAL: Mapping[Task, OutputTokens] = {
    "classification": OutputTokens(5, 40),
    "extraction": OutputTokens(30, 160),
    "question_answering": OutputTokens(50, 280),
    "summarization": OutputTokens(90, 250),
    "translation": OutputTokens(25, 80),
    "code": OutputTokens(220, 700),
    "reasoning": OutputTokens(220, 700),
    "conversation": OutputTokens(120, 450),
}

# Tokens in one of what a request may count its answer in.
TOKENS_PER_UNIT: Mapping[str, float] = {
    "letter": 1.5,
    "digit": 1.5,
    "number": 3.0,
    "label": 3.0,
    "word": 1.4,
    "sentence": 24.0,
    "line": 16.0,
    "bullet": 24.0,
    "point": 24.0,
    "paragraph": 110.0,
    "page": 600.0,
    "token": 1.0,
    "character": 0.25,
}
# A unit in the singular is a limit only after one of these: "one word", "a single letter".
ONE = frozenset({"one", "single", "1"})
LIST_VERBS = word_set("list give name suggest write generate top provide")
LIMITING = word_set(
    "in under within about around most than exactly of to a an the with write using up only "
    "least roughly approximately just answer by into"
)
TOKENS_PER_LIST_ENTRY = 18.0
# "list 2024 events" counts nothing.
LONGEST_LIST = 100

TERSE = (
    *("yes or no", "true or false", "a or b", "one word", "single word", "answer only"),
    *("just the letter", "only the letter", "just the number", "only the number"),
    *("just the name", "only the name", "just the answer", "only the answer", "only the label"),
)
BRIEF = word_set("brief briefly short concise concisely quick quickly")
FULL = word_set("detailed detail thorough thoroughly comprehensive essay elaborate report story")
BACK_REFERENCES = word_set("above previous earlier it that this everything")


def output_tokens(task: Task, prompt: Prompt, words: Sequence[str]) -> OutputTokens:
    """Expected answer length; an explicit wish outweighs what is usual for the task."""
    asked_for = _wished(words)
    if asked_for is not None:
        return _bounded(asked_for * 0.9, asked_for * 1.6 + 4)
    text = " ".join(words)
    if any(phrase in text for phrase in TERSE):
        return OutputTokens(3, 16)
    p50, p95 = map(float, TYPICAL[task])
    # The text worked on: the last turn, with the earlier ones when it only points at them.
    points_back = prompt.text_chars < REFERS_BACK_CHARS and not BACK_REFERENCES.isdisjoint(words)
    earlier_chars = prompt.context_chars if points_back and ":" not in prompt.text else 0
    source_tokens = (prompt.text_chars + earlier_chars) / CHARS_PER_TOKEN
    if task == "translation":
        p50, p95 = max(8.0, source_tokens), max(24.0, source_tokens * 1.8)
    elif task == "summarization":
        p50 = max(30.0, min(2.0 * p50, source_tokens * 0.3))
        p95 = max(p95, source_tokens * 0.4)
    elif task == "extraction":
        p50, p95 = p50 + source_tokens * 0.03, p95 + source_tokens * 0.1
    if not BRIEF.isdisjoint(words):
        return _bounded(p50 * 0.5, p95 * 0.6)
    if not FULL.isdisjoint(words):
        return _bounded(p50 * 2.5, p95 * 2.5)
    return _bounded(p50, p95)


def _wished(words: Sequence[str]) -> float | None:
    """Tokens wished for in words ("in 3 sentences", "a 500-word essay", "list 10 cities")."""
    for at in [at for at, word in enumerate(words[:-1]) if word in NUMBER_WORDS or word.isdigit()]:
        word = words[at]
        if word not in NUMBER_WORDS and (len(word) > 5 or not word.isascii()):
            continue
        count = NUMBER_WORDS.get(word) or int(word)
        before, counted = words[at - 1] if at else "", words[at + 1]
        unit = TOKENS_PER_UNIT.get(counted.removesuffix("s"))
        plural = counted.endswith("s") or count > 1
        # A number after any other word is part of a story.
        limits = not before or before in LIMITING
        if unit is not None and (plural or word in ONE) and limits:
            return count * unit
        if before in LIST_VERBS and 1 < count <= LONGEST_LIST:
            return count * TOKENS_PER_LIST_ENTRY
    return None


def _bounded(p50: float, p95: float) -> OutputTokens:
    low = min(max(1, round(p50)), LONGEST_TOKENS)
    return OutputTokens(low, min(max(low, round(p95)), LONGEST_TOKENS))
