"""Files of JSON lines, refused with every wrong line named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from serve_app.validation_errors import problem_lines, shortened


class LinesInvalid(Exception):
    """A file cannot be used; `problems` has one line each, with line and field."""

    def __init__(self, file: Path, problems: tuple[str, ...]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        return f"{self.file}: " + "; ".join(shortened(self.problems))


def text_of(file: Path, refused: type[LinesInvalid]) -> str:
    """The file's text. Raises `OSError`, and `refused` where that is no text."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise refused(file, (f"no UTF-8 text: {exc}",)) from exc


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Every line that is not empty, with its number."""
    # Not by `splitlines`: JSON may hold other line separators inside a string.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def problems_of_line(number: int, error: ValidationError) -> tuple[str, ...]:
    return tuple(f"line {number}: {problem}" for problem in problem_lines(error))
