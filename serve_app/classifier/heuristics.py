"""What a prompt asks for, classified from its text alone: task, difficulty, answer length.

Knows no pair and no model: a prompt's words about either are text like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import log2

from serve_app.classifier.lexicon import (
    EASY_WORDS,
    HARD_WORDS,
    LANGUAGES,
    NUMBER_WORDS,
    Cue,
    cue_table,
    word_set,
)
from serve_app.classifier.output_length import output_tokens
from serve_app.classifier.request_text import ends
from serve_app.classifier.words import SIGNS, spoken_words
from serve_app.core.request import Prompt, PromptClassification, Task

# An instruction stands before or after what it is about; the middle is material.
INSTRUCTION_HEAD_CHARS = 600
INSTRUCTION_TAIL_CHARS = 300
NUMERIC_SAMPLE_CHARS = 1000
CONTEXT_END_CHARS = 1000
OPENING_WORDS = 8
OPENING_GAIN = 1.5

LETTERS_PER_TOKEN = 4.2
SIGN_TOKENS = 0.9


# One letter for all of a kind, so that one pass serves all counts. Blanks count as signs until
# their own kinds overwrite that.
KINDS = bytes.maketrans(
    SIGNS + b"0123456789" + b"\v\f\r\x1c\x1d\x1e\x1f" + b" \t\n",
    b"." * len(SIGNS) + b"0" * 10 + b"\t" * 7 + b"  \n",
)
SIGN_BEYOND_ASCII = re.compile(r"[^\x00-\x7f\w\s]")
BLANK_BEYOND_ASCII = re.compile(r"[^\S\x00-\x7f][0-9]")
CODE_LINE = re.compile(
    r"\s*(?:```|>>> |#include|(?:async )?def \w+\(|class \w+[:({]|import [\w.]+$"
    r"|from [\w.]+ import |SELECT |(?:public|private|static|const|function|func|fn) \w++[^.]*[({=])"
)
CODE_ENDINGS = (");", "];", "};", '";', "';", "{")
# Its first character stands apart because a search is fast for what has few ways to begin.
FORMULA = re.compile(
    r"[$\\0-9x](?:(?<=\$)[^$\s]|(?<=\\)(?:int|sum|cdot|[a-z]+\{)"
    r"|(?<=[0-9x]) ?[-+*/^=] ?[0-9x(])"
)

LANGUAGE_OPENERS: Mapping[str, float] = {"into": 6.0, "to": 4.0, "in": 3.0, "from": 2.0}
LANGUAGE_NOUNS = word_set("word translation phrase version equivalent")
BASE_DIFFICULTY: Mapping[Task, float] = {
    "classification": 0.12,
    "extraction": 0.18,
    "question_answering": 0.25,
    "summarization": 0.28,
    "translation": 0.22,
    "code": 0.42,
    "reasoning": 0.45,
    "conversation": 0.12,
}
COUNTED = ("how many", "how much", "total", "average", "percent", "altogether")
# "One" is rarely a figure.
FIGURES = frozenset(NUMBER_WORDS) - {"one", "single"}
DEMANDS = word_set(
    "must without exactly each every except unless least most both neither not only if then "
    "whose given assuming"
)
QUESTION_WORDS = word_set(
    "who what when where which why how whose whom is are was were does did can"
)


def classify_sync(prompt: Prompt) -> PromptClassification:
    """Judges any text in bounded time. The instruction decides.

    The rest of the prompt only informs sizes and the numeric share.
    """
    instruction = ends(prompt.instruction, INSTRUCTION_HEAD_CHARS, INSTRUCTION_TAIL_CHARS)
    words = spoken_words(instruction)
    votes = _votes(instruction, words)
    task = max(votes, key=votes.__getitem__)
    length = output_tokens(task, prompt, words)
    return PromptClassification(
        task=task,
        task_confidence=round(votes[task] / (sum(votes.values()) + 1.0), 3),
        difficulty=_difficulty(task, prompt.instruction_chars, instruction, words),
        output_tokens_p50=length.p50,
        output_tokens_p95=length.p95,
        numeric_share=_numeric_share(prompt.text),
        origin="heuristics",
    )


def clipped(prompt: Prompt) -> Prompt:
    """The same prompt with only the ends of its texts, which no classifier classifies
    differently.
    """
    text = ends(prompt.text)
    context = ends(prompt.context, CONTEXT_END_CHARS, CONTEXT_END_CHARS)
    return Prompt(
        # An instruction with material around it was found in the ends.
        instruction=prompt.instruction if prompt.has_material else text,
        text=text,
        context=context,
        text_cut_chars=prompt.text_chars - len(text),
        context_cut_chars=prompt.context_chars - len(context),
    )


def _votes(instruction: str, words: Sequence[str]) -> dict[Task, float]:
    # A statement or question that gives no cue is most often one of these two.
    heard: dict[Task, list[float]] = {"conversation": [0.4], "question_answering": [0.5]}
    for at, cue in _cues(words):
        # The verb that opens a request outweighs the same word inside its material.
        weight = cue.weight * (OPENING_GAIN if at < OPENING_WORDS else 1.0)
        heard.setdefault(cue.task, []).append(weight)
    for task, weight in _shape(instruction, words):
        heard.setdefault(task, []).append(weight)
    # A language makes a translation of "into French", "in French", "the French word".
    for at in [at for at, word in enumerate(words) if word in LANGUAGES]:
        if at and words[at - 1] in LANGUAGE_OPENERS:
            heard.setdefault("translation", []).append(LANGUAGE_OPENERS[words[at - 1]])
        if at + 1 < len(words) and words[at + 1] in LANGUAGE_NOUNS:
            heard.setdefault("translation", []).append(5.0)
    votes: dict[Task, float] = {}
    for task, weights in heard.items():
        # Each further cue counts half of the one before: many weak ones outvote no strong one.
        votes[task] = 0.0
        for weight in sorted(weights):
            votes[task] = weight + votes[task] / 2
    return votes


def _cues(words: Sequence[str]) -> list[tuple[int, Cue]]:
    """The cues in `words`, each phrase once, with the index of its first word."""
    votes, openers, firsts = cue_table()
    found: dict[str, int] = {}
    for at in [at for at, word in enumerate(words) if word in firsts]:
        word = words[at]
        if word in votes:
            found.setdefault(word, at)
        if word in openers:
            for end in (at + 2, at + 3):
                phrase = " ".join(words[at:end])
                if phrase in votes:
                    found.setdefault(phrase, at)
    return [(at, votes[phrase]) for phrase, at in found.items()]


def _shape(instruction: str, words: Sequence[str]) -> list[tuple[Task, float]]:
    """Votes from what the text looks like instead of from its words."""
    shape: list[tuple[Task, float]] = []
    if any(_is_code(line) for line in instruction.splitlines()):
        shape.append(("code", 7.0))
    elif FORMULA.search(instruction):
        shape.append(("reasoning", 5.0))
    figures = len([word for word in words if word[0].isdigit() or word in FIGURES])
    lowered = instruction.lower() if figures >= 2 else ""
    if any(phrase in lowered for phrase in COUNTED):
        shape.append(("reasoning", 5.0 + min(figures, 5)))
    if words and words[0] in QUESTION_WORDS:
        shape.append(("question_answering", 2.0))
    if "?" in instruction:
        shape.append(("question_answering", 1.0))
    return shape


def _is_code(line: str) -> bool:
    if CODE_LINE.match(line):
        return True
    line = line.rstrip()
    if line.endswith(CODE_ENDINGS):
        return True
    return line.endswith((";", "}")) and ("=" in line or ";" in line[:-1]) and "\\" not in line


def _difficulty(
    task: Task, instruction_chars: int, instruction: str, words: Sequence[str]
) -> float:
    if not words:
        return BASE_DIFFICULTY[task]
    long_words = len([word for word in words if len(word) >= 9]) / len(words)
    hard_words = len(HARD_WORDS.intersection(words))
    demands = len([word for word in words if word in DEMANDS])
    figures = len([word for word in words if word[0].isdigit()]) if task == "reasoning" else 0
    score = (
        BASE_DIFFICULTY[task]
        + min(0.20, 0.03 * log2(1 + instruction_chars / 100))
        + min(0.15, 0.5 * long_words)
        + min(0.24, 0.06 * hard_words)
        + min(0.10, 0.02 * demands)
        + min(0.06, 0.01 * figures)
        + (0.06 if "\\" in instruction else 0.0)
        - (0.08 if not EASY_WORDS.isdisjoint(words) else 0.0)
    )
    return round(min(max(score, 0.0), 1.0), 3)


def _numeric_share(text: str) -> float:
    """Numeric tokens per token, as a tokenizer counts that makes one token of each digit.

    A blank before a digit is a token too; other blanks belong to the word that follows.
    """
    sample = ends(text, NUMERIC_SAMPLE_CHARS, NUMERIC_SAMPLE_CHARS)
    kinds = sample.encode("utf-8", "surrogatepass").translate(KINDS)
    digits = kinds.count(b"0")
    if not digits:
        return 0.0
    signs = kinds.count(b".")
    blank_tokens = kinds.count(b"\n") + kinds.count(b" 0") + kinds.count(b"\t0")
    if not sample.isascii():
        signs += len(SIGN_BEYOND_ASCII.findall(sample))
        blank_tokens += len(BLANK_BEYOND_ASCII.findall(sample))
    letters = len(sample) - digits - signs - kinds.count(b" ") - kinds.count(b"\n")
    others = letters / LETTERS_PER_TOKEN + SIGN_TOKENS * signs + blank_tokens
    return round(digits / (digits + others), 3)
