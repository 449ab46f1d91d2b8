"""Fits the constants of the token estimate on real texts and prints them with their error.

    python -m profiles.fit_token_estimate tokenizer.json english.txt code.py chinese.txt

Every other piece of each text is fitted on; the errors printed are those of the rest. With
`--out serve_app/adapters/token_weights.py` the constants are in use.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from serve_app.adapters.token_estimate import SCRIPT_UNITS, UNITS, features
from serve_app.adapters.tokens_hf import HfTokenCounter

PIECE_CHARS = (200, 800, 3200)
PIECES_PER_TEXT = 200
# Holds back weights that few pieces speak for.
RIDGE = 1e-3


class Piece(NamedTuple):
    """A piece of a text: its features and its exact number of tokens."""

    features: NDArray[np.int64]
    tokens: int


def pieces(text: str, counter: HfTokenCounter) -> list[Piece]:
    """The first pieces of a text that have any tokens."""
    counted = ((piece, counter.count(piece)) for piece in _cut(text))
    found = (Piece(features(piece), tokens) for piece, tokens in counted if tokens)
    return list(islice(found, PIECES_PER_TEXT))


def _cut(text: str) -> Iterator[str]:
    at = turn = 0
    while at < len(text):
        size = PIECE_CHARS[turn % len(PIECE_CHARS)]
        yield text[at : at + size]
        at, turn = at + size, turn + 1


def fit(training: Sequence[Sequence[Piece]]) -> NDArray[np.float64]:
    """Non-negative weights with the least squared relative error.

    A script that no text is in gets the median of the others, for it takes tokens all the same.
    A text of a hundred times as many pieces counts ten times as much.
    """
    shares = [len(pieces) ** -0.25 for pieces in training]
    rows = np.vstack([s * _relative(pieces) for s, pieces in zip(shares, training, strict=True)])
    target = np.repeat(shares, [len(pieces) for pieces in training])
    hold = np.diag(np.sqrt(RIDGE * (rows**2).sum(axis=0)))
    weights, _ = nnls(np.vstack((rows, hold)), np.concatenate((target, np.zeros(len(hold)))))
    scripts = np.isin(UNITS, SCRIPT_UNITS)
    seen = rows.any(axis=0)
    if (scripts & seen).any():
        weights[scripts & ~seen] = np.median(weights[scripts & seen])
    return np.asarray(weights)


def errors(held_out: Sequence[Piece], weights: NDArray[np.float64]) -> list[float]:
    """Relative errors, without sign."""
    return [abs(float(weights @ piece.features) / piece.tokens - 1) for piece in held_out]


def _relative(pieces: Sequence[Piece]) -> NDArray[np.float64]:
    return np.array([piece.features / piece.tokens for piece in pieces])


def module_of(weights: Mapping[str, float]) -> str:
    """The source of the module that holds the constants."""
    lines = "".join(f'    "{unit}": {weight:.3f},\n' for unit, weight in weights.items())
    return (
        '"""Tokens per unit of `token_estimate.UNITS`, as fitted by '
        "`python -m profiles.fit_token_estimate`.\n\n"
        "Of SmolLM2's tokenizer, of 49,152 entries. What is not named takes none.\n"
        '"""\n\nfrom __future__ import annotations\n\n'
        "from collections.abc import Mapping\n\n"
        f"TOKENS_PER_UNIT: Mapping[str, float] = {{\n{lines}}}\n"
    )


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m profiles.fit_token_estimate",
        description="Fit the token estimate to a tokenizer on the given texts.",
    )
    parser.add_argument("tokenizer", type=Path, help="a tokenizer.json")
    parser.add_argument("texts", type=Path, nargs="+", help="UTF-8 texts, one kind per file")
    parser.add_argument("--out", type=Path, help="write the constants to this module")
    arguments = parser.parse_args(argv)
    counter = HfTokenCounter(arguments.tokenizer)
    by_text = {
        path.name: pieces(path.read_text(encoding="utf-8"), counter) for path in arguments.texts
    }
    weights = fit([kind[::2] for kind in by_text.values() if kind])
    named = {unit: w for unit, w in zip(UNITS, weights.tolist(), strict=True) if w >= 0.0005}
    if arguments.out is None:
        sys.stdout.write(module_of(named))
    else:
        arguments.out.write_text(module_of(named), encoding="utf-8")
    for name, kind in by_text.items():
        off = sorted(errors(kind[1::2], weights))
        if off:
            p95 = off[int(0.95 * (len(off) - 1))]
            sys.stdout.write(
                f"{name}: median {statistics.median(off):.1%}, p95 {p95:.1%}, n={len(off)}\n"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
