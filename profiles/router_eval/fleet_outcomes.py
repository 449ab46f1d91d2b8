"""A fleet's own graded answers: what its profiler left beside the profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from profiles.evaluation.accuracy import compared
from profiles.training.folds import Rows
from profiles.training.load_outcomes import read_table
from profiles.training.outcomes import OutcomesUnusable, OutcomeTable
from serve_app.classifier.text_features import Reading, read
from serve_app.core.intervals import wilson
from serve_app.core.profile import PairedAccuracy, Profile, Scope, TaskAccuracy
from serve_app.store.codec import decode_profile

Floats = npt.NDArray[np.float64]

OUTCOMES_SUFFIX = ".outcomes.jsonl"
SCOPE: TypeAdapter[Scope] = TypeAdapter(Scope)


@dataclass(frozen=True, kw_only=True)
class OwnAnswers:
    """`table` has one column per profile, unquantized pairs first; `readings` are of its rows."""

    table: OutcomeTable
    readings: tuple[Reading, ...]
    profiles: tuple[Profile, ...]

    @property
    def unquantized(self) -> tuple[str, ...]:
        return tuple(profile.pair for profile in self.profiles if profile.parent is None)

    def readings_of(self, rows: Rows) -> list[Reading]:
        return [self.readings[row] for row in rows]

    def tasks_of(self, rows: Rows) -> list[Scope]:
        kinds = (self.table.kinds[row] for row in rows)
        return [SCOPE.validate_python(kind) for kind in kinds]

    def rows_of_tasks(self, rows: Rows) -> Mapping[Scope, Rows]:
        """These rows by task, and all of them as `overall`."""
        tasks = self.tasks_of(rows)
        by_task = {task: rows[np.array(tasks) == task] for task in sorted(set(tasks))}
        return {"overall": rows, **by_task}

    def questions_of(self, rows: Rows) -> Mapping[Scope, Sequence[str]]:
        return {
            scope: [self.table.prompts[row] for row in which]
            for scope, which in self.rows_of_tasks(rows).items()
        }

    def profiles_measured_on(self, rows: Rows) -> tuple[Profile, ...]:
        """The profiles as they would be had only these questions been asked."""
        return tuple(
            replace(
                profile,
                accuracy=self._accuracy(profile, rows),
                against_parent=self._against_parent(profile, rows),
            )
            for profile in self.profiles
        )

    def _accuracy(self, profile: Profile, rows: Rows) -> Mapping[Scope, TaskAccuracy]:
        scores = self._scores(profile.pair)
        return {
            scope: _task_accuracy(scores[which])
            for scope, which in self.rows_of_tasks(rows).items()
        }

    def _against_parent(self, profile: Profile, rows: Rows) -> Mapping[Scope, PairedAccuracy]:
        if profile.parent not in self.table.pairs:
            return {}
        both = np.column_stack((self._scores(profile.pair), self._scores(profile.parent)))
        return {
            scope: compared([(float(own), float(parents)) for own, parents in both[which]])
            for scope, which in self.rows_of_tasks(rows).items()
        }

    def _scores(self, pair: str) -> Floats:
        return self.table.scores[:, self.table.column(pair)]


def read_own_answers(folder: Path) -> OwnAnswers:
    """Raises `OSError`, `CatalogInvalid` or `OutcomesUnusable`."""
    files = [path for path in sorted(folder.glob("*.json")) if _outcomes_of(path).is_file()]
    if not files:
        raise OutcomesUnusable(f"{folder}: no profile with {OUTCOMES_SUFFIX} beside it")
    profiles = [decode_profile(path.read_bytes(), str(path)) for path in files]
    profiles.sort(key=lambda profile: profile.parent is not None)
    table = read_table([_outcomes_of(path) for path in files])
    table = table.only([profile.pair for profile in profiles])
    whole = np.flatnonzero(~np.isnan(table.scores).any(axis=1))
    table = table.rows(whole)
    return OwnAnswers(
        table=table,
        readings=tuple(read(prompt) for prompt in table.prompts),
        profiles=tuple(profiles),
    )


def _outcomes_of(profile: Path) -> Path:
    return profile.with_name(profile.name.removesuffix(".json") + OUTCOMES_SUFFIX)


def _task_accuracy(scores: Floats) -> TaskAccuracy:
    mean = float(scores.mean())
    lower, upper = wilson(mean, len(scores))
    return TaskAccuracy(mean=mean, lower=lower, upper=upper, items=len(scores))
