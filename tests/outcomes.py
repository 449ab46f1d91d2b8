"""Made-up graded answers with a plain rule behind them."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from profiles.training.outcomes import OutcomeTable
from profiles.training.train import train
from serve_app.classifier.model_file import Artifact
from serve_app.classifier.text_features import read

SUMS = ["integral", "derivative", "theorem", "equation", "matrix", "vector", "prime", "polynomial"]
PASTS = ["empire", "treaty", "king", "battle", "colony", "parliament", "revolution", "dynasty"]
FILLER = (
    *("the", "of", "a", "which", "was", "in", "with", "for"),
    *("near", "old", "new", "great", "small", "first", "last"),
)
PAIRS = ("small", "middle", "large")

# How often each pair is right, by kind.
RIGHT = {"history": (0.85, 0.9, 0.92), "mathematics": (0.15, 0.5, 0.9)}


def question(kind: str, random: Random) -> str:
    """A question of one kind, with four answers to choose from."""
    topic = SUMS if kind == "mathematics" else PASTS
    asked = " ".join(random.choice(topic if random.random() < 0.4 else FILLER) for _ in range(20))
    options = "\n".join(f"{letter}. {random.choice(topic)}" for letter in "ABCD")
    return f"{asked}?\n{options}\nAnswer:"


def outcomes(count: int, *, seed: int = 0) -> OutcomeTable:
    """Half of the questions are history, which all pairs know; mathematics only the large one."""
    random = Random(seed)
    kinds = [random.choice(tuple(RIGHT)) for _ in range(count)]
    prompts = [question(kind, random) for kind in kinds]
    scores = [[float(random.random() < right) for right in RIGHT[kind]] for kind in kinds]
    return OutcomeTable(
        prompts=tuple(prompts),
        kinds=tuple(kinds),
        pairs=PAIRS,
        scores=np.array(scores),
        answer_chars=np.array([[400.0 if kind == "mathematics" else 40.0] * 3 for kind in kinds]),
    )


@cache
def trained(count: int = 800) -> Artifact:
    """A model of such outcomes, trained once for all tests."""
    table = outcomes(count)
    return train(table, [read(prompt) for prompt in table.prompts], seed=0, command="train it")


@cache
def trained_on_tasks() -> Artifact:
    """The same, of outcomes that name the task."""
    table = outcomes(300)
    named = {"history": "question_answering", "mathematics": "reasoning"}
    tasks = replace(table, kinds=tuple(named[kind] for kind in table.kinds))
    return train(tasks, [read(prompt) for prompt in tasks.prompts], seed=0, command="train it")


def outcome_file(folder: Path, count: int, *, seed: int = 0, name: str = "outcomes.csv") -> Path:
    """The same outcomes as a table on disk."""
    table = outcomes(count, seed=seed)
    lengths = [f"{pair}|chars" for pair in PAIRS]
    with (folder / name).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["category", "prompt", *PAIRS, *lengths])
        for row in range(count):
            writer.writerow(
                [table.kinds[row], table.prompts[row], *table.scores[row], *table.answer_chars[row]]
            )
    return folder / name
