"""What of a conversation is the request, and what is material pasted in around it.

Structure alone decides: labels, tags, fences, and a short paragraph at either end of a long text.
What these rules do not find is read as part of the request: a question in the middle of a long
text, material of less than a page, and code, which itself states what is asked. A last turn that
follows up an earlier request is read together with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from serve_app.core.request import Prompt

# A question stands at either end of a long text; what is pasted in lies between.
HEAD_CHARS = 4_000
TAIL_CHARS = 2_000

# Less than this may be the case that a question is about.
LEAST_MARKED_CHARS = 1_000
LEAST_UNMARKED_CHARS = 3_000
LONGEST_REQUEST_CHARS = 800
LONGEST_WITH_OPTIONS_CHARS = 1_800
# Without a question mark or a colon a paragraph is a command only when it is short.
LONGEST_COMMAND_CHARS = 200

REQUEST_WORDS = ("question", "query", "request", "task", "instruction")
MATERIAL_WORDS = (
    *("context", "passage", "document", "source", "background", "article", "text", "reference"),
    *("excerpt", "input", "information", "search result", "retrieved", "knowledge base"),
)
LABEL_MARKS = (":", "#", "**")
# A search is fast for what has few ways to begin: the character before a label comes first.
LABEL_START = r"[\n.!?)\]\"'](?:(?<=\n)[ \t#*>_-]{0,6}|(?<!\n) )"
LABEL_END = r"[ \t*_]{0,3}(?::[ \t*_]*|$)"
REQUEST = rf"(?:(?:my|the|user|user's|current|final)[ ])?(?:{'|'.join(REQUEST_WORDS)})s?"
MATERIAL = rf"(?:{'|'.join(MATERIAL_WORDS)})s?(?: \w{{4,20}})?(?:[ ]\[?\d{{1,3}}\]?)?"
REPLY = r"(?:answer|response|output)"
LABEL = re.compile(rf"{LABEL_START}(?:(?P<asks>{REQUEST})|{MATERIAL}){LABEL_END}", re.MULTILINE)
LABEL_AFTER_REQUEST = re.compile(rf"{LABEL_START}(?:{MATERIAL}|{REPLY}){LABEL_END}", re.MULTILINE)
CLOSING_CUE = re.compile(rf"\s(?:(?:helpful|final|your)[ ])?{REPLY}:\s*\Z", re.IGNORECASE)
REQUEST_TAG = re.compile(r"<(question|query|request|task|instructions?)>", re.IGNORECASE)
MATERIAL_TAG = re.compile(
    r"<(/?)(?:context|documents?|docs?|passages?|sources?|search_results?|retrieved\w{0,20}"
    r"|articles?|text|background|references?|excerpts?|file|data)\b[^<>]{0,200}>",
    re.IGNORECASE,
)
FENCE = re.compile(r"\n {0,3}(?:```|~~~)[ \t]*+([\w+-]*+)[ \t]*+$", re.MULTILINE)
PROSE_FENCES = frozenset({"", "text", "txt", "md", "markdown", "context", "plain", "plaintext"})
NUMBERED = re.compile(r"\s*(?:[\[(]?\d{1,3}[\]).:]|[-*\u2022])")
OPTION = re.compile(r"\n ?\(?[AB][.)] ")
LINE_OF_ITS_OWN = re.compile(r"\n(?! ?\(?[A-P][.)] |answer:)", re.IGNORECASE)
BLANK_LINE = re.compile(r"\n[ \t]*\n")
WORD = re.compile(r"\w")
CODE_STARTS = ("  ", "\t")
CODE_ENDINGS = ("{", "}", ";", "):", "(", "[")
LEAST_CODE_SHARE = 0.3
FOLLOW_UP = re.compile(
    r"\W*(?:(?:and|or|but|also|now|then|again|same|the same|once more|continue|go on|what about"
    r"|how about)\b|(?:in \w+|why)\W*$)",
    re.IGNORECASE,
)
LONGEST_FOLLOW_UP_WORDS = 6
ASKS_ITSELF = re.compile(
    r"\W*\w+\W+(?:who|what|when|where|which|how|why|is|are|does|did|can)\W+\w+\W+\w+", re.IGNORECASE
)


class Label(NamedTuple):
    """Where a label stands, and whether it stands before the request."""

    start: int
    end: int
    asks: bool


def ends(text: str, head_chars: int = HEAD_CHARS, tail_chars: int = TAIL_CHARS) -> str:
    """`text` without its middle where it is long."""
    if len(text) <= head_chars + tail_chars:
        return text
    return f"{text[:head_chars]}\n{text[-tail_chars:]}"


def segment(text: str, *, context: str = "") -> Prompt:
    """A prompt whose instruction is the request in `text`, or all of `text` without material."""
    return Prompt(instruction=extract_request(text) or text, text=text, context=context)


def extract_request(text: str) -> str | None:
    """The request in the ends of `text`; `None` when no material is found next to it."""
    whole = ends(text)
    if len(whole) < LEAST_MARKED_CHARS:
        return None
    if any(fence[1].lower() not in PROSE_FENCES for fence in _fences(whole)) or _is_code(whole):
        return None
    rest = _outside_tags(whole)
    if len(fences := _fences(rest)) > 1:
        rest = _without(rest, fences[0].start(), fences[-1].end() - 1)
    request = _labelled(rest, len(whole))
    if request is None and len(rest) < len(whole):
        request = rest
    elif request is None and len(rest) >= LEAST_UNMARKED_CHARS:
        first = BLANK_LINE.split(rest.strip(), maxsplit=1)[0]
        opening = _asking(first, LINE_OF_ITS_OWN.split(first, maxsplit=1)[0])
        beside = _around(_until_label(opening), _closing(rest))
        request = beside if len(rest) - len(beside) >= LEAST_UNMARKED_CHARS else None
    return request if request is not None and WORD.search(request) else None


def _outside_tags(text: str) -> str:
    """Without all from the first tag of material to the last that closes one."""
    if not _has(text, "</"):
        return text
    if asked := REQUEST_TAG.search(text):
        inside, closing_tag, _ = text[asked.end() :].partition(f"</{asked[1]}>")
        is_beside = len(text) - len(inside) >= LEAST_MARKED_CHARS
        return inside.strip() if closing_tag and is_beside else text
    tags = list(MATERIAL_TAG.finditer(text))
    closing = [tag for tag in tags if tag[1]]
    if not closing or tags[0][1]:
        return text
    return _without(text, tags[0].start(), closing[-1].end())


def _fences(text: str) -> list[re.Match[str]]:
    """In `text` behind a line break: they start where their lines do, and end one too far."""
    return list(FENCE.finditer(f"\n{text}")) if _has(text, "```") or _has(text, "~~~") else []


def _has(text: str, mark: str) -> bool:
    # One character is looked for in a tenth of the time of several.
    return mark[0] in text and mark in text


def _without(text: str, start: int, end: int) -> str:
    rest = f"{text[:start].strip()}\n{text[end:].strip()}".strip()
    is_material = end - start >= LEAST_MARKED_CHARS and WORD.search(rest) is not None
    return text if not is_material or _is_code(text[start:end]) else rest


def _labelled(text: str, whole_chars: int) -> str | None:
    """What a label calls the request, or what stands around what a label calls material."""
    if not any(_has(text, mark) for mark in LABEL_MARKS):
        return None
    labels = list(_labels(LABEL, text))
    asked = [label for label in labels if label.asks]
    material = next((label for label in labels if not label.asks), None)
    if asked:
        leads = material is not None and asked[0].start < material.start
        request = _until_label(text[asked[0 if leads else -1].end :])
    elif material is not None and not OPTION.search(f"\n{text}"):
        before = _until_label(text[: material.start])
        request = _around(before, _closing(text[material.end :]))
    else:
        return None
    return request if request and whole_chars - len(request) >= LEAST_MARKED_CHARS else None


def _labels(pattern: re.Pattern[str], text: str) -> Iterator[Label]:
    # The one letter whose lower case is two would move all behind it.
    lowered = "\n" + text.replace("\u0130", "i").lower()
    for match in pattern.finditer(lowered):
        start = match.start() if lowered[match.start()] == "\n" else match.start() + 1
        yield Label(start, match.end() - 1, match.lastgroup == "asks")


def _until_label(text: str) -> str:
    starts = [label.start for label in islice(_labels(LABEL_AFTER_REQUEST, text), 1)]
    if text.rstrip().endswith(":"):
        starts += [cue.start() for cue in CLOSING_CUE.finditer(text)]
    return text[: min(starts, default=None)].strip()


def _around(before: str, last: str) -> str:
    """`before`, and the last paragraph where that asks too; after nothing, where it commands."""
    if last and ("?" in last or _offers_options(last) or not before):
        return f"{before}\n{last}".strip()
    return before


def _closing(text: str) -> str:
    last = BLANK_LINE.split(text.strip())[-1]
    return _asking(last, LINE_OF_ITS_OWN.split(last)[-1])


def _asking(block: str, outer_line: str) -> str:
    """A paragraph that may be a request, or its line at the text's end where that surely is one."""
    if len(outer_line) > LONGEST_WITH_OPTIONS_CHARS:
        return ""
    if len(block) > LONGEST_COMMAND_CHARS and _asks(outer_line):
        block = outer_line
    if _offers_options(block):
        longest = LONGEST_WITH_OPTIONS_CHARS
    else:
        longest = LONGEST_REQUEST_CHARS if _asks(block) else LONGEST_COMMAND_CHARS
    return block if len(block) <= longest and NUMBERED.match(block) is None else ""


def _asks(block: str) -> bool:
    # Lines of wrapped prose are short too: only a mark or answers to choose from tell.
    return "?" in block or block.rstrip().endswith(":") or _offers_options(block)


def _offers_options(block: str) -> bool:
    return len(OPTION.findall(f"\n{block}")) >= 2


def _is_code(text: str) -> bool:
    lines = [line for line in map(str.rstrip, text.split("\n")) if line]
    code = [line for line in lines if line.startswith(CODE_STARTS) or line.endswith(CODE_ENDINGS)]
    return len(code) >= LEAST_CODE_SHARE * len(lines)


def resolve_follow_up(turns: Sequence[str]) -> str:
    """The last of a user's turns, with the request that it follows up when it is no whole one."""
    *earlier, last = turns
    if not _follows_up(last):
        return last
    for turn in reversed(earlier):
        if not _follows_up(turn):
            return f"{extract_request(turn) or turn}\n{last}"
    return last


def _follows_up(turn: str) -> bool:
    if len(turn) > LONGEST_REQUEST_CHARS:
        return False
    words = turn.split(maxsplit=LONGEST_FOLLOW_UP_WORDS)
    if len(words) > LONGEST_FOLLOW_UP_WORDS or FOLLOW_UP.match(turn) is None:
        return False
    return turn.lower().startswith(("what about", "how about")) or not ASKS_ITSELF.match(turn)
