"""The request in a conversation: its last turn, with the one that this follows up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from serve_app.core.asked_text import LONGEST_REQUEST_CHARS, request_in

FOLLOW_UP = re.compile(
    r"\W*(?:(?:and|or|but|also|now|then|again|same|the same|once more|continue|go on|what about"
    r"|how about)\b|(?:in \w+|why)\W*$)",
    re.IGNORECASE,
)
LONGEST_FOLLOW_UP_WORDS = 6
ASKS_ITSELF = re.compile(
    r"\W*\w+\W+(?:who|what|when|where|which|how|why|is|are|does|did|can)\W+\w+\W+\w+", re.IGNORECASE
)


def with_earlier(turns: Sequence[str]) -> str:
    """The last of a user's turns, with the request that it follows up when it is no whole one."""
    *earlier, last = turns
    if not _follows_up(last):
        return last
    for turn in reversed(earlier):
        if not _follows_up(turn):
            return f"{request_in(turn) or turn}\n{last}"
    return last


def _follows_up(turn: str) -> bool:
    if len(turn) > LONGEST_REQUEST_CHARS:
        return False
    words = turn.split(maxsplit=LONGEST_FOLLOW_UP_WORDS)
    if len(words) > LONGEST_FOLLOW_UP_WORDS or FOLLOW_UP.match(turn) is None:
        return False
    return turn.lower().startswith(("what about", "how about")) or not ASKS_ITSELF.match(turn)
