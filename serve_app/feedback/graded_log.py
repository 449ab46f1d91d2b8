"""Graded requests as JSON lines that `quantroute train` can read, in files of bounded size.

The format is that of outcome files, `quantroute-outcomes-1`: a header, then one outcome per line.
An outcome's `item` is the score's source and the decision's id. Its `difficulty` and `answer` are
not known here; `messages` is empty unless prompts are kept.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

from serve_app.core.feedback import GradedRequest

HEADER = json.dumps({"format": "quantroute-outcomes-1", "items_digest": "requests"})
logger = logging.getLogger(__name__)


class FileGradedLog:
    """A `GradedLog` of one ingress replica in `folder`; older files are kept up to a number."""

    def __init__(self, folder: Path, replica: str, *, max_bytes: int, files: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"graded-{replica}.jsonl"
        self._handler = _HeadedFile(path, max_bytes=max_bytes, backups=files - 1)

    def write(self, requests: Sequence[GradedRequest]) -> None:
        for request in requests:
            if request.served.task is not None:
                self._handler.handle(_record(_line(request)))

    def close(self) -> None:
        self._handler.close()


class _HeadedFile(RotatingFileHandler):
    """Begins each file with the header; a line that cannot be written is dropped with a warning."""

    def __init__(self, path: Path, *, max_bytes: int, backups: int) -> None:
        # Without backups `RotatingFileHandler` would never start again.
        super().__init__(path, maxBytes=max_bytes, backupCount=max(1, backups), encoding="utf-8")
        self._head()

    def doRollover(self) -> None:
        super().doRollover()
        self._head()

    def handleError(self, record: logging.LogRecord) -> None:
        """Names no content: the record may hold a prompt."""
        logger.warning("a graded request could not be written to %s", self.baseFilename)

    def _head(self) -> None:
        if Path(self.baseFilename).stat().st_size == 0:
            logging.FileHandler.emit(self, _record(HEADER))


def _record(line: str) -> logging.LogRecord:
    return logging.LogRecord("graded", logging.INFO, "", 0, line, None, None)


def _line(request: GradedRequest) -> str:
    prompt, served, given = request.prompt, request.served, request.given
    outcome = {
        "pair": served.pair,
        "item": f"{given.source}:{given.decision}",
        "digest": request.digest or "unknown",
        "task": served.task,
        "difficulty": None,
        "messages": [] if prompt is None else [{"role": "user", "content": _text(prompt)}],
        "answer": None,
        "score": given.score,
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": request.completion_tokens,
        "error": None,
    }
    return json.dumps(outcome, ensure_ascii=True)


def _text(prompt: str) -> str:
    """Half of a surrogate pair is no text, and no reader of JSON takes it."""
    return prompt.encode(errors="replace").decode()
