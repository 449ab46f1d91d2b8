"""Outcomes of a fleet's own pairs: decided as its router decides them, with nothing else to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from profiles.training.arrays import Floats
from profiles.training.outcomes import CHARS_PER_TOKEN, OutcomesUnusable, OutcomeTable, counted
from profiles.tuning.case import Answers, Case
from profiles.tuning.choices import Choices, Outlook, outlook_of
from serve_app.core.catalog import Catalog
from serve_app.core.cost import Usage
from serve_app.core.decide import decide
from serve_app.core.decision import Prediction
from serve_app.core.fleet import Load, Pair
from serve_app.core.policy import Policy
from serve_app.core.predict import predict
from serve_app.core.request import Constraints, Features, PromptClassification
from serve_app.tokens.estimate import estimate_tokens

AT_REST = Load(ready_replicas=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAtRest:
    """Every pair with one free replica; requests ask for the fleet's default `constraints`."""

    pairs: tuple[Pair, ...]
    catalog: Catalog
    policy: Policy
    constraints: Constraints

    def outlook(self, features: Features) -> Outlook:
        decision = decide(
            decision_id="tuning",
            features=features,
            constraints=self.constraints,
            pairs=self.pairs,
            catalog=self.catalog,
            load={pair.id: AT_REST for pair in self.pairs},
            policy=self.policy,
        )
        predictions = {
            pair.id: predict(
                self.catalog.profiles[pair.id],
                self.catalog.prices[pair.id],
                features,
                AT_REST,
                self.constraints,
                published_margin=self.policy.published_margin,
            )
            for pair in self.pairs
        }
        return outlook_of(decision, predictions)


def pairs_of_both(
    table: OutcomeTable, fleet: FleetAtRest
) -> tuple[OutcomeTable, FleetAtRest, tuple[str, ...]]:
    """Table and fleet with the pairs that have outcomes and a profile; the rest is reported.

    Raises `OutcomesUnusable`.
    """
    ids = [pair.id for pair in fleet.pairs]
    graded = [pair for pair in ids if pair in table.pairs]
    kept = [pair for pair in graded if pair in fleet.catalog.profiles]
    missing = {
        "have outcomes and are no pairs of the fleet": [p for p in table.pairs if p not in ids],
        "are pairs of the fleet without outcomes": [p for p in ids if p not in graded],
        "have no profile in the fleet's store": [p for p in graded if p not in kept],
    }
    notes = tuple(f"{', '.join(pairs)} {why}: left out" for why, pairs in missing.items() if pairs)
    reference = fleet.policy.reference_pair
    if reference not in kept or len(kept) < 2:
        lacks = f"the reference pair {reference!r}" if reference not in kept else "a second pair"
        raise OutcomesUnusable(
            f"{lacks} is missing where weights choose between pairs that have both outcomes and a "
            f"profile: {'; '.join(notes) or f'there is {kept[0]!r} alone'}; the fleet's pairs are "
            f"{', '.join(ids)}"
        )
    fleet = replace(fleet, pairs=tuple(pair for pair in fleet.pairs if pair.id in kept))
    return table.asked_of(kept), fleet, notes


def fleet_case(
    table: OutcomeTable, fleet: FleetAtRest, features: Sequence[Features], means: Floats
) -> Case:
    """`features` and predicted `means` are of the table's prompts, by models that had not seen
    them. Raises `OutcomesUnusable`."""
    outlooks = [fleet.outlook(one) for one in features]
    served = np.array([row for row, outlook in enumerate(outlooks) if outlook.terms], np.int64)
    if len(served) == 0:
        raise OutcomesUnusable("no pair of the fleet may serve any of these prompts")
    refused = len(outlooks) - len(served)
    table, outlooks = table.rows(served), [outlooks[row] for row in served]
    graded = ~np.isnan(table.scores)
    answers = Answers(
        pairs=table.pairs,
        reference=table.column(fleet.policy.reference_pair),
        scores=np.where(graded, table.scores, means[served]),
        graded=graded,
        expected_usd=_of_each(table, outlooks, lambda one: one.cost_usd),
        cost_usd=_actual_usd(table, fleet, outlooks),
        total_ms=_of_each(table, outlooks, lambda one: one.total_ms),
        same_prompt=table.same_prompt,
    )
    return Case(
        table=table,
        choices=Choices.of(table.pairs, outlooks),
        answers=answers,
        rows=served,
        notes=counted((refused, "prompts that no pair may serve left out")),
    )


def features_of(
    table: OutcomeTable, classifications: Sequence[PromptClassification]
) -> list[Features]:
    """Prompts as the router gets them, with nothing else asked."""
    return [
        Features(
            prompt_tokens=estimate_tokens(prompt),
            max_tokens=None,
            needs=frozenset(),
            classification=classification,
        )
        for prompt, classification in zip(table.prompts, classifications, strict=True)
    ]


def _of_each(
    table: OutcomeTable, outlooks: Sequence[Outlook], figure: Callable[[Prediction], float]
) -> Floats:
    return np.array([[figure(one.predictions[pair]) for pair in table.pairs] for one in outlooks])


def _actual_usd(table: OutcomeTable, fleet: FleetAtRest, outlooks: Sequence[Outlook]) -> Floats:
    """Tokens of answers are the pair's own where they were counted, else those expected."""
    expected = _of_each(table, outlooks, lambda one: one.output_tokens)
    counted = table.answer_chars / CHARS_PER_TOKEN
    tokens = np.where(np.isfinite(counted), counted, expected)
    cost = np.empty_like(tokens)
    for (row, column), answer_tokens in np.ndenumerate(tokens):
        pair = table.pairs[column]
        prompt_tokens = outlooks[row].predictions[pair].prompt_tokens
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=round(answer_tokens))
        cost[row, column] = fleet.catalog.prices[pair].cost_usd(usage)
    return cost
