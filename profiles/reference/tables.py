"""The two tables of published figures, serving times and accuracy of quantizations.

Also what can be wrong with them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVING = "serving_a100_qwen2.5-7b.csv"
ACCURACY = "quant_accuracy.csv"

# Published per cent have two decimals at most.
PERCENT_DIGITS = 4


class FiguresMissing(Exception):
    """A table is not there, or lacks a figure. Raised with its path, and what is wrong with it."""

    def __str__(self) -> str:
        path, problem = self.args
        return f"{path}: {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The latencies at one concurrency: p50 and p95 of each."""

    concurrency: int
    ttft_ms: tuple[float, float]
    tpot_ms: tuple[float, float]
    tokens_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRow(Level):
    """What one run at one concurrency published."""

    cold_start_s: float

    @classmethod
    def of(cls, cells: Mapping[str, str]) -> ServingRow:
        return cls(
            concurrency=int(cells["concurrency"]),
            ttft_ms=(float(cells["ttft_p50"]) * 1e3, float(cells["ttft_p95"]) * 1e3),
            tpot_ms=(float(cells["tpot_p50"]) * 1e3, float(cells["tpot_p95"]) * 1e3),
            tokens_per_s=float(cells["throughput_tokens_per_sec"]),
            cold_start_s=float(cells["cold_start_seconds"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyRow:
    """What one quantization of a model scored, from 0 to 1; `items` where the source states it."""

    score: float
    recovery: float | None
    items: int | None
    source: str

    @classmethod
    def of(cls, cells: Mapping[str, str]) -> AccuracyRow:
        return cls(
            score=round(float(cells["value"]) / 100, PERCENT_DIGITS),
            recovery=float(cells["recovery_pct"]) / 100 if cells["recovery_pct"] else None,
            items=int(cells["n"]) if cells["n"] else None,
            source=cells["source"],
        )


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
        return max(r.ttft_ms[1] / r.ttft_ms[0] for rows in self.serving.values() for r in rows)

    @property
    def widest_tpot_spread(self) -> float:
        return max(r.tpot_ms[1] / r.tpot_ms[0] for rows in self.serving.values() for r in rows)


def read_tables(folder: Path) -> Tables:
    """Reads both tables of `folder`. Raises `FiguresMissing`."""
    runs: dict[str, list[ServingRow]] = {}
    accuracy: dict[tuple[str, str, str], AccuracyRow] = {}
    with _rows(folder / SERVING) as rows:
        for cells in rows:
            runs.setdefault(cells["engine"], []).append(ServingRow.of(cells))
    with _rows(folder / ACCURACY) as rows:
        for cells in rows:
            # Some rows give a quotient alone, against a parent that the source does not state.
            if cells["value"]:
                key = cells["model"], cells["quant"], cells["metric"]
                accuracy[key] = AccuracyRow.of(cells)
    serving = {e: tuple(sorted(rows, key=lambda r: r.concurrency)) for e, rows in runs.items()}
    return Tables(serving=serving, accuracy=accuracy, folder=folder)


@contextmanager
def _rows(path: Path) -> Iterator[csv.DictReader[str]]:
    """The rows of a table. A row that cannot be read is reported with its line."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            try:
                yield rows
            except KeyError as exc:
                problem = f"line {rows.line_num} has no column {exc}"
                raise FiguresMissing(path, problem) from exc
            except (ValueError, TypeError) as exc:
                problem = f"line {rows.line_num} cannot be read: {exc}"
                raise FiguresMissing(path, problem) from exc
    except OSError as exc:
        raise FiguresMissing(
            path, f"cannot be read ({exc.strerror}); give the folder that has it with --data"
        ) from exc
