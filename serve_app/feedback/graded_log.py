"""Scored requests as JSON lines for `quantroute train`, in files of bounded size.

The format is that of outcome files, `quantroute-outcomes-1`: a header, then one outcome per line.
The `item` of an outcome is the source of the score and the id of the decision. The `difficulty`
and the `answer` are unknown. `messages` is empty unless prompts are logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from serve_app.core.cost import NO_USAGE, Usage
from serve_app.feedback.score_store import Score, ServedAnswer

HEADER = json.dumps({"format": "quantroute-outcomes-1", "items_digest": "requests"})
logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class AnsweredRequest:
    """A request that this replica answered. As an `AnswerObserver` it learns the usage."""

    served: ServedAnswer
    digest: str = ""
    prompt: str | None = None
    usage: Usage = NO_USAGE

    def text(self, text: str) -> None:
        """The text of an answer is not logged."""

    def ended(self, usage: Usage, *, complete: bool) -> None:
        self.usage = usage


class FileGradedLog(RotatingFileHandler):
    """The log of one ingress replica in `folder`. The last `files` files are kept."""

    def __init__(self, folder: Path, replica: str, *, max_bytes: int, files: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"graded-{replica}.jsonl"
        super().__init__(path, maxBytes=max_bytes, backupCount=files - 1, encoding="utf-8")

    def write(self, scored: Sequence[tuple[Score, AnsweredRequest]]) -> None:
        """Blocks, and raises nothing."""
        for score, request in scored:
            if request.served.task is None:
                continue
            # Half of a surrogate pair is not text, and no JSON reader accepts it.
            content = (request.prompt or "").encode(errors="replace").decode()
            outcome = {
                "pair": request.served.pair,
                "item": f"{score.source}:{score.decision}",
                "digest": request.digest or "unknown",
                "task": request.served.task,
                "difficulty": None,
                "messages": [{"role": "user", "content": content}] if content else [],
                "answer": None,
                "score": score.score,
                "prompt_tokens": request.usage.prompt_tokens,
                "completion_tokens": request.usage.completion_tokens,
                "error": None,
            }
            line = json.dumps(outcome)
            self.handle(logging.LogRecord("graded", logging.INFO, "", 0, line, None, None))

    def handleError(self, record: logging.LogRecord) -> None:
        """Names no content: the record may hold a prompt."""
        logger.warning("a graded request could not be written to %s", self.baseFilename)

    def _open(self) -> TextIOWrapper:
        """A new file begins with the header, as soon as the disk takes it."""
        stream = super()._open()
        if not stream.tell():
            # Not `print`: Ray Serve replaces it in replicas, and writes its arguments as a tuple.
            with suppress(OSError):
                stream.write(f"{HEADER}\n")
                stream.flush()
        return stream
