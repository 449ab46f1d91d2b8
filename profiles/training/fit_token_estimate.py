"""Fits the constants of the token estimate on real texts and prints the error.

    python -m profiles.training.fit_token_estimate tokenizer.json english.txt code.py chinese.txt

Every other piece of each text is fitted on; the errors printed are those of the rest. They go
into the file that the estimate reads, unless `--out` names another.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from profiles.training.arrays import Floats, Ints
from serve_app.tokens.counter import HfTokenCounter
from serve_app.tokens.estimate import FIRST_BYTE_UNITS, SCRIPT_UNITS, UNITS, WEIGHTS, features

PIECE_CHARS = (200, 800, 3200)
PIECES_PER_TEXT = 200
# What holds a weight near what is expected, where a piece's relative error weighs 1.
HOLD = 0.03


class Piece(NamedTuple):
    """A piece of a text: its features and its exact number of tokens."""

    features: Ints
    tokens: int


def pieces(text: str, counter: HfTokenCounter) -> list[Piece]:
    """The first pieces of a text that have any tokens."""
    found: list[Piece] = []
    at, sizes = 0, cycle(PIECE_CHARS)
    while at < len(text) and len(found) < PIECES_PER_TEXT:
        piece = text[at : at + next(sizes)]
        at += len(piece)
        tokens = counter.count(piece)
        if tokens:
            found.append(Piece(features(piece), tokens))
    return found


def fit(training: Sequence[Sequence[Piece]]) -> Floats:
    """Non-negative weights with the least squared relative error.

    What few pieces speak for, or none, stays near `expected`. A text of a hundred times as many
    pieces counts ten times as much.
    """
    shares = [len(pieces) ** -0.25 for pieces in training]
    rows = [
        share * piece.features / piece.tokens
        for share, pieces in zip(shares, training, strict=True)
        for piece in pieces
    ]
    target = np.repeat(shares, [len(pieces) for pieces in training])
    held = np.array([HOLD * expected(unit) for unit in UNITS])
    system = np.vstack((*rows, HOLD * np.eye(len(UNITS))))
    weights, _ = nnls(system, np.concatenate((target, held)))
    return np.asarray(weights)


def expected(unit: str) -> float:
    """Tokens of one of a unit, before any text is seen: rare neighbours end a token."""
    if unit in SCRIPT_UNITS:
        return 2.2
    if unit in FIRST_BYTE_UNITS:
        return 1.5
    return 0.8


def errors(held_out: Sequence[Piece], weights: Floats) -> list[float]:
    return [abs(float(weights @ piece.features) / piece.tokens - 1) for piece in held_out]


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m profiles.training.fit_token_estimate",
        description="Fit the token estimate to a tokenizer on the given texts.",
    )
    parser.add_argument("tokenizer", type=Path, help="a tokenizer.json")
    parser.add_argument("texts", type=Path, nargs="+", help="UTF-8 texts, one kind per file")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    counter = HfTokenCounter(arguments.tokenizer)
    by_text = {
        path.name: pieces(path.read_text(encoding="utf-8"), counter) for path in arguments.texts
    }
    weights = fit([kind[::2] for kind in by_text.values() if kind])
    named = {unit: round(w, 3) for unit, w in zip(UNITS, weights.tolist(), strict=True)}
    used = {unit: weight for unit, weight in named.items() if weight}
    arguments.out.write_text(json.dumps({"tokens_per_unit": used}, indent=1) + "\n", "utf-8")
    for name, kind in by_text.items():
        off = errors(kind[1::2], weights)
        if off:
            p95 = np.quantile(off, 0.95, method="lower")
            sys.stdout.write(f"{name}: median {np.median(off):.1%}, p95 {p95:.1%}, n={len(off)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
