"""What the success model reads in a text: its words, and the shape it has.

Training and serving read through this one file: a change of what it returns is a new
`FEATURE_VERSION`, and models trained on another version are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile

from serve_app.classifier.request_text import ends, segment
from serve_app.classifier.words import plain_words

FEATURE_VERSION = 1

OPTION = re.compile(r"\n ?\(?([A-P])[.):] *")
# Looking ahead to the end keeps a long row of figures from being tried at every length.
NUMERIC_OPTION = re.compile(
    r"[-+$~]? ?[\d.,/^ \u00d7x*e\u2212-]+(?=.{0,14}+\Z) ?[\w%°/^ ]{0,12}\.?"
)
NEGATIONS = frozenset(("not", "except", "least", "false", "incorrect", "never"))
OPERATORS = b"=+*/^<>"
CAPITALS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = b"0123456789"
# Each of a kind becomes one letter of its own, so that one pass serves all counts.
KINDS = bytes(
    ord("+" if code in OPERATORS else "A" if code in CAPITALS else "0" if code in DIGITS else " ")
    for code in range(256)
)
CLOSING_CUE = "answer:"

OPENERS = ("what", "which", "how", "why", "who", "when", "if", "find", "a", "the")
QUESTION_PHRASES = (
    *("which of the following", "calculate", "determine", "find the", "true", "statement"),
    *("scenario", "according to", "best", "most", "assume", "prove", "write", "suppose"),
)
OPTION_PHRASES = ("none of the", "all of the", "both", "true", "cannot", "wrong", "only")

SHAPE_NAMES = (
    *("chars", "question_chars", "question_words", "options", "option_chars_mean"),
    *("option_chars_max", "option_chars_min", "numeric_options", "distinct_option_words"),
    *("digit_share", "numbers", "dollars", "backslashes", "blanks", "negated", "ends_asking"),
    *("ends_as_sentence", "lines", "commas", "quotes", "capitals", "operators", "bars"),
    *("roman", "word_length", "distinct_words", "extra_bytes"),
    *(f"opens:{word}" for word in OPENERS),
    *(f"asks:{phrase}" for phrase in QUESTION_PHRASES),
    *(f"offers:{phrase}" for phrase in OPTION_PHRASES),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Lower-case words and figures in order, and a number for each of `SHAPE_NAMES`."""

    words: list[str]
    shape: list[float]


def read(text: str) -> Reading:
    """Reads the instruction in any text."""
    return read_instruction(segment(text).instruction)


def read_instruction(instruction: str) -> Reading:
    """Reads the ends of an instruction, without the cue that closes a test's question."""
    text = ends(instruction).strip()
    if text[-len(CLOSING_CUE) :].lower() == CLOSING_CUE:
        text = text[: -len(CLOSING_CUE)].rstrip()
    question, options = question_and_options(text)
    asked = plain_words(question)
    return Reading(
        words=asked + plain_words("\n".join(options)) if options else asked,
        shape=_shape(text, question, options, asked),
    )


def question_and_options(text: str) -> tuple[str, list[str]]:
    """A question and the answers it offers, each on a line that opens with its letter."""
    lines = f"\n{text}"
    # Letters before "A." are part of the question, and so is a lone "A.".
    letters = list(dropwhile(lambda letter: letter[1] != "A", OPTION.finditer(lines)))
    if len(letters) < 2:
        return text, []
    ends_at = [*(letter.start() for letter in letters[1:]), len(lines)]
    options = [lines[letter.end() : end] for letter, end in zip(letters, ends_at, strict=True)]
    return lines[: letters[0].start()].strip(), options


def _shape(text: str, question: str, options: Sequence[str], asked: Sequence[str]) -> list[float]:
    lowered, offered = question.lower(), " ".join(options).lower()
    opening = asked[0] if asked else ""
    lengths = [len(option) for option in options] or [0]
    numeric = sum(NUMERIC_OPTION.fullmatch(option) is not None for option in options)
    offered_words = offered.split()
    # Counting bytes takes a hundredth of what a regular expression takes.
    kinds = question.encode("utf-8", "replace").translate(KINDS)
    return [
        float(len(text)),
        float(len(question)),
        float(len(asked)),
        float(len(options)),
        sum(lengths) / len(lengths),
        float(max(lengths)),
        float(min(lengths)),
        numeric / max(1, len(options)),
        len(set(offered_words)) / (len(offered_words) + 1),
        kinds.count(b"0") / (len(kinds) + 1),
        float(sum(map(str.isdigit, asked))),
        _count(question, "$"),
        _count(question, "\\"),
        _count(question, "_"),
        float(not NEGATIONS.isdisjoint(asked)),
        float(question.endswith("?")),
        float(question.endswith((".", ":"))),
        _count(question, "\n"),
        _count(question, ","),
        _count(question, '"'),
        kinds.count(b"A") / (len(kinds) + 1),
        float(kinds.count(b"+")),
        _count(question, "|"),
        float("I." in question or "II" in question),
        len("".join(asked)) / max(1, len(asked)),
        len(set(asked)) / (len(asked) + 1),
        float(len(text.encode("utf-8", "replace")) - len(text)),
        *(float(opening == word) for word in OPENERS),
        *(float(phrase in lowered) for phrase in QUESTION_PHRASES),
        *(float(phrase in offered) for phrase in OPTION_PHRASES),
    ]


def _count(text: str, sign: str) -> float:
    # Looking for a sign takes a tenth of what counting takes, and most signs are absent.
    return float(text.count(sign)) if sign in text else 0.0
