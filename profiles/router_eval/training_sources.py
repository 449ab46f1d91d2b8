"""Which way to a success model suits a small fleet best, on its own questions kept aside.

Judged by how good predictions of single answers are: of each pair, and for keeping floors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from profiles.router_eval.fleet_outcomes import OwnAnswers
from profiles.router_eval.floors import choose_for_floor, floor_compliance
from profiles.router_eval.out_of_fold import Predicted, success_of
from profiles.router_eval.prices import Costs, cost_of_answers
from profiles.training.calibration import expected_calibration_error
from profiles.training.folds import Rows, Split, folds
from profiles.training.load_outcomes import read_table
from profiles.training.outcomes import OutcomeTable, joined
from profiles.training.pair_inference import graded_answers, infer_pair, profile_results, with_pair
from profiles.training.train import train
from serve_app.classifier.heuristics import judge
from serve_app.classifier.model_file import Artifact
from serve_app.classifier.text_features import Reading, read
from serve_app.core.cost import TokenPrice
from serve_app.core.profile import Profile, Scope
from serve_app.core.request import Prompt

Floats = npt.NDArray[np.float64]

# One answer held for impossible that came true would outweigh all others.
LEAST_CHANCE = 0.01
RIGHT = 0.5
Progress = Callable[[str], None]

OWN = "own answers"
PARENT_ALONE = "own answers of the parent, others by profile"
PUBLIC_ANSWERS = "public, pairs added from own answers"
PUBLIC_PROFILES = "public, pairs added from profiles"
TOGETHER = "public and own answers together"
TASK_JUDGED = "profile, task judged by heuristics"
TASK_KNOWN = "profile, task known"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """`auc`: how often an answer that was right was held likelier than one that was wrong."""

    brier: float
    log_loss: float
    ece: float
    auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Of all questions the share for which some pair's bound reaches the floor, and the accuracy
    of the answers these got."""

    floor: float
    share: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFigures:
    """Means over repetitions.

    `brier_gain` is how far the mean Brier score lies below the baseline's, with its standard error
    over questions. `floors_kept` of `floors_reachable` are cells of a floor and a task.
    """

    pairs: Mapping[str, PairFigures]
    brier_gain: float
    brier_gain_error: float
    floors_kept: float
    floors_reachable: float
    promises: tuple[Promise, ...]


def figures(
    own: OwnAnswers,
    said: Sequence[Predicted],
    baseline: Sequence[Predicted],
    floors: Sequence[float],
) -> WayFigures:
    """`said` and `baseline` have one prediction of all questions per repetition."""
    scores, kinds = own.table.scores, own.table.kinds
    costs = _costs(own)
    gains = np.mean(
        [
            ((other.means - scores) ** 2 - (one.means - scores) ** 2).mean(axis=1)
            for one, other in zip(said, baseline, strict=True)
        ],
        axis=0,
    )
    kept = [floor_compliance(one, scores, costs, kinds, floors) for one in said]
    return WayFigures(
        pairs={
            pair: _mean_figures([_pair(one.means[:, at], scores[:, at]) for one in said])
            for at, pair in enumerate(own.table.pairs)
        },
        brier_gain=float(gains.mean()),
        brier_gain_error=float(gains.std(ddof=1) / np.sqrt(len(gains))),
        floors_kept=float(np.mean([one.kept for one in kept])),
        floors_reachable=float(np.mean([one.reachable for one in kept])),
        promises=tuple(_promise(said, scores, costs, floor) for floor in floors),
    )


def _pair(means: Floats, scores: Floats) -> PairFigures:
    chance = means.clip(LEAST_CHANCE, 1 - LEAST_CHANCE)
    return PairFigures(
        brier=float(((means - scores) ** 2).mean()),
        log_loss=float(-(scores * np.log(chance) + (1 - scores) * np.log(1 - chance)).mean()),
        ece=expected_calibration_error(means, scores),
        auc=float(roc_auc_score(scores > RIGHT, means)),
    )


def _mean_figures(each: Sequence[PairFigures]) -> PairFigures:
    return PairFigures(
        brier=float(np.mean([one.brier for one in each])),
        log_loss=float(np.mean([one.log_loss for one in each])),
        ece=float(np.mean([one.ece for one in each])),
        auc=float(np.mean([one.auc for one in each])),
    )


def _promise(said: Sequence[Predicted], scores: Floats, costs: Costs, floor: float) -> Promise:
    promised = [(one.lowers >= floor).any(axis=1) for one in said]
    got = [
        scores[np.arange(len(scores)), choose_for_floor(one, costs.expected, floor)][held]
        for one, held in zip(said, promised, strict=True)
    ]
    answers = np.concatenate(got)
    return Promise(
        floor=floor,
        share=float(np.mean(promised)),
        accuracy=float(answers.mean()) if len(answers) else 0.0,
    )


def _costs(own: OwnAnswers) -> Costs:
    prices = [TokenPrice.of(profile).usd_per_mtok_out for profile in own.profiles]
    return cost_of_answers(own.table, np.array(prices))


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
