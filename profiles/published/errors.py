"""What can be wrong with the tables that published figures are read from."""

from __future__ import annotations

from pathlib import Path


class FiguresMissing(Exception):
    """A table is not there, or lacks a figure; `problem` says which and what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"
