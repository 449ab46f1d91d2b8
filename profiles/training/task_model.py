"""Tells the task of a prompt from its words, learned from outcomes whose kind is a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from profiles.training.arrays import Singles, singles
from serve_app.core.request import Task

TASKS: tuple[Task, ...] = get_args(Task)
LEAST_PROMPTS = 20
PENALTY = 0.1
MOST_STEPS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskModel:
    """Weights as `model_file.Arrays` names them, a column for each of `tasks`."""

    tasks: tuple[Task, ...]
    task_weights: Singles
    task_prior: Singles


def fit_tasks(terms: sparse.csr_matrix, kinds: Sequence[str], *, words: int) -> TaskModel:
    """Only the first `words` terms, single words, tell tasks apart.

    Kinds that are no tasks, or of too few prompts, say nothing; fewer than two tasks leave
    nothing to tell apart.
    """
    of_prompt = np.array(kinds)
    tasks = tuple(task for task in TASKS if (of_prompt == task).sum() >= LEAST_PROMPTS)
    if len(tasks) < 2:
        return TaskModel(
            tasks=(), task_weights=np.zeros((words, 0), np.float32), task_prior=singles([])
        )
    labelled = np.flatnonzero(np.isin(of_prompt, tasks))
    labels = [tasks.index(task) for task in of_prompt[labelled]]
    # Balanced, as how often a task was graded shows little of how often it is asked for.
    fitted = LogisticRegression(C=1 / PENALTY, max_iter=MOST_STEPS, class_weight="balanced").fit(
        terms[labelled, :words], labels
    )
    weights, prior = fitted.coef_.T, fitted.intercept_
    if len(tasks) == 2:
        # Of two classes scikit-learn keeps the weights of the second against the first.
        weights, prior = weights * [0.0, 1.0], prior * [0.0, 1.0]
    return TaskModel(tasks=tasks, task_weights=singles(weights), task_prior=singles(prior))
