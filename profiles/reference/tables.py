"""The two tables of published figures, serving times and accuracy of quantizations.

Also what can be wrong with them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

SERVING = "serving_a100_qwen2.5-7b.csv"
ACCURACY = "quant_accuracy.csv"

# Published per cent have two decimals at most.
PERCENT_DIGITS = 4

K = TypeVar("K")
V = TypeVar("V")


class FiguresMissing(Exception):
    """A table is not there, or lacks a figure. `problem` names it and what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRow:
    """What one run at one concurrency published."""

    concurrency: int
    ttft_p50_ms: float
    ttft_p95_ms: float
    tpot_p50_ms: float
    tpot_p95_ms: float
    tokens_per_s: float
    cold_start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyRow:
    """What one quantization of a model scored, from 0 to 1; `items` where the source states it."""

    score: float
    recovery: float | None
    items: int | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Both tables, as read."""

    serving: Mapping[str, tuple[ServingRow, ...]]
    accuracy: Mapping[tuple[str, str, str], AccuracyRow]
    folder: Path

    def served(self, engine: str) -> tuple[ServingRow, ...]:
        """The runs of an engine, by rising concurrency. Raises `FiguresMissing`."""
        if engine not in self.serving:
            raise FiguresMissing(self.folder / SERVING, f"has no rows of engine {engine!r}")
        return self.serving[engine]

    def scored(self, model: str, quantization: str, metric: str) -> AccuracyRow:
        """Raises `FiguresMissing`."""
        row = self.accuracy.get((model, quantization, metric))
        if row is None:
            raise FiguresMissing(
                self.folder / ACCURACY, f"has no {metric} of {model} as {quantization!r}"
            )
        return row

    @property
    def fewest_items(self) -> int:
        """The smallest number of items that any source of the accuracy table states."""
        stated = [row.items for row in self.accuracy.values() if row.items is not None]
        if not stated:
            raise FiguresMissing(self.folder / ACCURACY, "no row states its number of items, n")
        return min(stated)

    @property
    def widest_ttft_spread(self) -> float:
        """The largest p95 of a first token as a multiple of its median, over all runs."""
        return max(r.ttft_p95_ms / r.ttft_p50_ms for rows in self.serving.values() for r in rows)

    @property
    def widest_tpot_spread(self) -> float:
        return max(r.tpot_p95_ms / r.tpot_p50_ms for rows in self.serving.values() for r in rows)


def read_tables(folder: Path) -> Tables:
    """Reads both tables of `folder`. Raises `FiguresMissing`."""
    runs: dict[str, list[ServingRow]] = {}
    for engine, row in _rows(folder / SERVING, _serving_row):
        runs.setdefault(engine, []).append(row)
    serving = {e: tuple(sorted(rows, key=lambda r: r.concurrency)) for e, rows in runs.items()}
    scores = dict(_rows(folder / ACCURACY, _accuracy_row))
    # Some rows give a quotient alone, against a parent that the source does not state.
    accuracy = {key: row for key, row in scores.items() if row is not None}
    return Tables(serving=serving, accuracy=accuracy, folder=folder)


def _rows(path: Path, read: Callable[[Mapping[str, str]], tuple[K, V]]) -> Iterator[tuple[K, V]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, cells in enumerate(csv.DictReader(file), start=2):
                with _naming_the_row(path, number):
                    yield read(cells)
    except OSError as exc:
        raise FiguresMissing(
            path, f"cannot be read ({exc.strerror}); give the folder that has it with --data"
        ) from exc


@contextmanager
def _naming_the_row(path: Path, number: int) -> Iterator[None]:
    try:
        yield
    except KeyError as exc:
        raise FiguresMissing(path, f"line {number} has no column {exc}") from exc
    except (ValueError, TypeError) as exc:
        raise FiguresMissing(path, f"line {number} cannot be read: {exc}") from exc


def _serving_row(cells: Mapping[str, str]) -> tuple[str, ServingRow]:
    def ms(column: str) -> float:
        return float(cells[column]) * 1e3

    return cells["engine"], ServingRow(
        concurrency=int(cells["concurrency"]),
        ttft_p50_ms=ms("ttft_p50"),
        ttft_p95_ms=ms("ttft_p95"),
        tpot_p50_ms=ms("tpot_p50"),
        tpot_p95_ms=ms("tpot_p95"),
        tokens_per_s=float(cells["throughput_tokens_per_sec"]),
        cold_start_s=float(cells["cold_start_seconds"]),
    )


def _accuracy_row(cells: Mapping[str, str]) -> tuple[tuple[str, str, str], AccuracyRow | None]:
    key = cells["model"], cells["quant"], cells["metric"]
    if not cells["value"]:
        return key, None
    return key, AccuracyRow(
        score=round(float(cells["value"]) / 100, PERCENT_DIGITS),
        recovery=float(cells["recovery_pct"]) / 100 if cells["recovery_pct"] else None,
        items=int(cells["n"]) if cells["n"] else None,
        source=cells["source"],
    )
