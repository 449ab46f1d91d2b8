"""Which way to a success model suits a small fleet best, on its own questions kept aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from profiles.learning.folds import Rows, Split, folds
from profiles.learning.merge_tables import joined
from profiles.learning.new_pair import graded_answers, infer_pair, profile_results, with_pair
from profiles.learning.outcome_table import OutcomeTable
from profiles.learning.predict import Predicted, success_of
from profiles.learning.read_table import read_table
from profiles.learning.train import train
from serve_app.adapters.success_artifact import Artifact
from serve_app.adapters.success_text import Reading, read
from serve_app.bench.own_answers import OwnAnswers
from serve_app.bench.way_figures import WayFigures, figures
from serve_app.core.profile import Profile, Scope
from serve_app.core.request import Prompt
from serve_app.service.heuristics import judge

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]

OWN = "own answers"
PARENT_ALONE = "own answers of the parent, others by profile"
PUBLIC_ANSWERS = "public, pairs added from own answers"
PUBLIC_PROFILES = "public, pairs added from profiles"
TOGETHER = "public and own answers together"
TASK_JUDGED = "profile, task judged by heuristics"
TASK_KNOWN = "profile, task known"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetModelPlan:
    """`public` outcomes are of other pairs, some of which are left out."""

    public: tuple[Path, ...]
    without: tuple[str, ...]
    floors: tuple[float, ...]
    folds: int
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetModelBench:
    """`ways` maps each way to its figures, all on the same questions."""

    questions: int
    public_prompts: int
    folds: int
    seeds: int
    pairs: tuple[str, ...]
    ways: Mapping[str, WayFigures]


@dataclass(frozen=True, kw_only=True)
class PublicAnswers:
    """Outcomes of other pairs and the model of them alone."""

    table: OutcomeTable
    readings: tuple[Reading, ...]
    model: Artifact


def run(own: OwnAnswers, plan: FleetModelPlan, progress: Progress) -> FleetModelBench:
    """Raises `OSError` or `OutcomesUnusable`."""
    public = _public(plan, progress)
    said: dict[str, list[Predicted]] = {}
    for seed in range(plan.seeds):
        progress(f"repetition {seed + 1} of {plan.seeds}")
        splits = folds(own.table.same_prompt, count=plan.folds, seed=seed)
        for way, predicted in _unseen(own, public, splits, seed).items():
            said.setdefault(way, []).append(predicted)
    baseline = said[TASK_JUDGED]
    return FleetModelBench(
        questions=len(own.table),
        public_prompts=len(public.table) if public else 0,
        folds=plan.folds,
        seeds=plan.seeds,
        pairs=own.table.pairs,
        ways={way: figures(own, each, baseline, plan.floors) for way, each in said.items()},
    )


def report(result: FleetModelBench) -> str:
    lines = [
        f"{result.questions} questions, {result.folds} folds, {result.seeds} repetitions; "
        f"{result.public_prompts} public prompts",
        f"{'way':46} {'Brier':>7} {'log loss':>8} {'ECE':>6} {'AUC':>6} {'floors kept':>12}  gain",
    ]
    for way, told in result.ways.items():
        each = told.pairs.values()
        lines.append(
            f"{way:46} {np.mean([one.brier for one in each]):7.4f} "
            f"{np.mean([one.log_loss for one in each]):8.4f} "
            f"{np.mean([one.ece for one in each]):6.3f} {np.mean([one.auc for one in each]):6.3f} "
            f"{told.floors_kept:5.1f} of {told.floors_reachable:3.0f}  "
            f"{told.brier_gain:+.4f} ({told.brier_gain_error:.4f})"
        )
        lines += [
            f"    {pair:42} {one.brier:7.4f} {one.log_loss:8.4f} {one.ece:6.3f} {one.auc:6.3f}"
            for pair, one in told.pairs.items()
        ]
        lines += [
            f"    floor {promise.floor:g}: promised to {promise.share:.0%}, of whom "
            f"{promise.accuracy:.2f} got a right answer"
            for promise in told.promises
            if promise.share
        ]
    return "\n".join(lines)


def with_profiles(
    model: Artifact, profiles: Sequence[Profile], questions: Mapping[Scope, Sequence[str]]
) -> Artifact:
    """The model with the pairs of these profiles, in their order, and no answer of theirs."""
    for profile in profiles:
        evidence, parent = profile_results(model, profile, questions)
        model = with_pair(model, profile.pair, infer_pair(model, evidence, parent=parent))
    return model


def said_of(model: Artifact, own: OwnAnswers, rows: Rows) -> Predicted:
    """What the model says of the fleet's own pairs, in their order."""
    predicted = success_of(model, own.readings_of(rows))
    columns = [model.header.pairs.index(pair) for pair in own.table.pairs]
    return Predicted(means=predicted.means[:, columns], lowers=predicted.lowers[:, columns])


def trained_on(own: OwnAnswers, rows: Rows, pairs: Sequence[str], seed: int) -> Artifact:
    """A model of these pairs alone, from the answers in these rows."""
    known = own.table.only(pairs).rows(rows)
    return train(known, own.readings_of(rows), seed=seed, command="")


def _public(plan: FleetModelPlan, progress: Progress) -> PublicAnswers | None:
    if not plan.public:
        return None
    table = read_table(plan.public)
    table = table.only([pair for pair in table.pairs if pair not in plan.without])
    progress(f"trains on {len(table)} public prompts")
    readings = tuple(read(prompt) for prompt in table.prompts)
    return PublicAnswers(
        table=table, readings=readings, model=train(table, readings, seed=0, command="")
    )


def _unseen(
    own: OwnAnswers, public: PublicAnswers | None, splits: Sequence[Split], seed: int
) -> dict[str, Predicted]:
    """By way, every question as predicted by what had not seen it."""
    found: dict[str, Predicted] = {}
    for split in splits:
        for way, said in _each_way(own, public, split, seed).items():
            empty = np.empty_like(own.table.scores)
            into = found.setdefault(way, Predicted(means=empty, lowers=empty.copy()))
            into.means[split.test], into.lowers[split.test] = said.means, said.lowers
    return found


def _each_way(
    own: OwnAnswers, public: PublicAnswers | None, split: Split, seed: int
) -> dict[str, Predicted]:
    profiles = own.profiles_measured_on(split.train)
    questions = own.questions_of(split.train)
    parents = trained_on(own, split.train, own.unquantized, seed)
    quantized = [profile for profile in profiles if profile.parent is not None]
    models = {
        OWN: trained_on(own, split.train, own.table.pairs, seed),
        PARENT_ALONE: with_profiles(parents, quantized, questions),
    }
    if public is not None:
        models[PUBLIC_ANSWERS] = _with_answers(public.model, own, split.train)
        models[PUBLIC_PROFILES] = with_profiles(public.model, profiles, questions)
        models[TOGETHER] = _trained_together(public, own, split.train, seed)
    known = own.tasks_of(split.test)
    judged: list[Scope] = [judge(Prompt(asked=own.table.prompts[row])).task for row in split.test]
    return {
        **{way: said_of(model, own, split.test) for way, model in models.items()},
        TASK_JUDGED: _by_task(profiles, judged),
        TASK_KNOWN: _by_task(profiles, known),
    }


def _with_answers(model: Artifact, own: OwnAnswers, rows: Rows) -> Artifact:
    prompts = [own.table.prompts[row] for row in rows]
    for at, pair in enumerate(own.table.pairs):
        evidence = graded_answers(model, prompts, own.table.scores[rows, at])
        model = with_pair(model, pair, infer_pair(model, evidence))
    return model


def _trained_together(public: PublicAnswers, own: OwnAnswers, rows: Rows, seed: int) -> Artifact:
    both = joined([public.table, own.table.rows(rows)])
    return train(both, [*public.readings, *own.readings_of(rows)], seed=seed, command="")


def _by_task(profiles: Sequence[Profile], tasks: Sequence[Scope]) -> Predicted:
    """What decisions believe without a model."""
    told = [
        [profile.accuracy.get(task) or profile.accuracy["overall"] for profile in profiles]
        for task in tasks
    ]
    return Predicted(
        means=np.array([[one.mean for one in row] for row in told]),
        lowers=np.array([[one.lower for one in row] for row in told]),
    )
