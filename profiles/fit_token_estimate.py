"""Fits the constants of the token estimate on real texts and prints them with their error.

    python -m profiles.fit_token_estimate tokenizer.json english.txt code.py chinese.txt

Every other piece of each text is fitted on; the errors printed are those of the rest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from serve_app.adapters.tokens_hf import HfTokenCounter, features

PIECE_CHARS = (200, 800, 3200)
# Enough that no text outweighs the others by its length.
PIECES_PER_TEXT = 200
ROUNDS = 2000


class Piece(NamedTuple):
    """A piece of a text: its features and its exact number of tokens."""

    features: tuple[int, ...]
    tokens: int


def pieces(text: str, counter: HfTokenCounter) -> list[Piece]:
    found: list[Piece] = []
    for piece in _cut(text):
        tokens = counter.count(piece)
        if tokens:
            found.append(Piece(features(piece), tokens))
        if len(found) == PIECES_PER_TEXT:
            break
    return found


def _cut(text: str) -> Iterator[str]:
    at = turn = 0
    while at < len(text):
        size = PIECE_CHARS[turn % len(PIECE_CHARS)]
        yield text[at : at + size]
        at, turn = at + size, turn + 1


def fit(training: Sequence[Piece]) -> list[float]:
    """Non-negative weights with the least squared relative error, by coordinate descent."""
    width = len(training[0].features)
    rows = [[count / piece.tokens for count in piece.features] for piece in training]
    gram = [[sum(row[i] * row[j] for row in rows) for j in range(width)] for i in range(width)]
    target = [sum(row[i] for row in rows) for i in range(width)]
    weights = [0.0] * width
    for _ in range(ROUNDS):
        for i in range(width):
            if gram[i][i] > 0:
                others = sum(gram[i][j] * weights[j] for j in range(width) if j != i)
                weights[i] = max(0.0, (target[i] - others) / gram[i][i])
    return weights


def errors(held_out: Sequence[Piece], weights: Sequence[float]) -> list[float]:
    """Relative errors, without sign."""
    return [
        abs(sum(w * f for w, f in zip(weights, piece.features, strict=True)) / piece.tokens - 1)
        for piece in held_out
    ]


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m profiles.fit_token_estimate",
        description="Fit the token estimate to a tokenizer on the given texts.",
    )
    parser.add_argument("tokenizer", type=Path, help="a tokenizer.json")
    parser.add_argument("texts", type=Path, nargs="+", help="UTF-8 texts, one kind per file")
    arguments = parser.parse_args(argv)
    counter = HfTokenCounter(arguments.tokenizer)
    by_text = {
        path.name: pieces(path.read_text(encoding="utf-8"), counter) for path in arguments.texts
    }
    weights = fit([piece for kind in by_text.values() for piece in kind[::2]])
    out = sys.stdout
    out.write(f"TOKENS_PER_UNIT = ({', '.join(f'{weight:.3f}' for weight in weights)})\n")
    for name, kind in by_text.items():
        off = sorted(errors(kind[1::2], weights))
        if off:
            p95 = off[int(0.95 * (len(off) - 1))]
            out.write(f"{name}: median {statistics.median(off):.1%}, p95 {p95:.1%}, n={len(off)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
