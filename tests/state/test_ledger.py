from __future__ import annotations

from dataclasses import fields
from math import fsum, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.cost import Usage
from serve_app.state.ledger import Charge, Ledger, Totals
from tests.builders import a_catalog, a_profile

CATALOG = a_catalog(
    a_profile("cheap", usd_per_hour=0.1),
    a_profile("dear", usd_per_hour=1.0),
    a_profile("wordy", usd_per_hour=0.1, tokens_ratio=2.0),
)
USAGE = Usage(prompt_tokens=1000, completion_tokens=100)
charges = st.tuples(
    st.sampled_from(["cheap", "dear", "wordy", "unprofiled"]),
    st.builds(
        Usage,
        prompt_tokens=st.integers(0, 10**6),
        completion_tokens=st.integers(0, 10**5),
    ),
    st.none() | st.floats(0, 10),
)


@given(st.lists(charges))
def test_the_parts_of_an_account_sum_to_its_total(
    bills: list[tuple[str, Usage, float | None]],
) -> None:
    ledger = Ledger("dear")
    made = [ledger.charge(pair, usage, CATALOG, usd) for pair, usage, usd in bills]

    account = ledger.account()

    assert account.total.answers == len(made)
    assert isclose(account.total.cost_usd, fsum(c.cost_usd for c in made), abs_tol=1e-12)
    assert isclose(account.total.baseline_usd, fsum(c.baseline_usd for c in made), abs_tol=1e-12)
    for field in fields(Totals):
        parts = fsum(getattr(totals, field.name) for totals in account.pairs.values())
        assert isclose(getattr(account.total, field.name), parts, abs_tol=1e-12)


def test_an_answer_costs_its_usage_at_the_price_of_its_pair() -> None:
    charge = Ledger("dear").charge("cheap", USAGE, CATALOG, None)

    assert charge.cost_usd == CATALOG.prices["cheap"].cost_usd(USAGE) > 0


def test_the_baseline_is_priced_in_its_own_tokens() -> None:
    ledger = Ledger("dear")

    plain = ledger.charge("cheap", USAGE, CATALOG, None)
    # `wordy` needs two tokens where the baseline needs one.
    wordy = ledger.charge("wordy", USAGE, CATALOG, None)

    assert wordy.baseline_usd == pytest.approx(plain.baseline_usd / 2)


def test_the_baseline_pair_itself_saves_nothing() -> None:
    charge = Ledger("dear").charge("dear", USAGE, CATALOG, None)

    assert charge.cost_usd == charge.baseline_usd


def test_estimates_are_summed_only_beside_the_costs_of_the_same_answers() -> None:
    ledger = Ledger("dear")
    estimated = ledger.charge("cheap", USAGE, CATALOG, 0.5)
    ledger.charge("cheap", USAGE, CATALOG, None)

    total = ledger.account().total

    assert total.answers == 2
    assert total.estimated_predicted_usd == 0.5
    assert total.estimated_cost_usd == estimated.cost_usd


def test_without_a_catalog_tokens_are_counted_and_nothing_is_priced() -> None:
    ledger = Ledger("dear")

    charge = ledger.charge("cheap", USAGE, None, None)

    assert charge == Charge(pair="cheap", usage=USAGE, cost_usd=0.0, baseline_usd=0.0)
    assert ledger.account().pairs["cheap"].prompt_tokens == 1000


def test_what_grading_spends_is_in_no_other_sum() -> None:
    ledger = Ledger("dear")
    ledger.charge("cheap", USAGE, CATALOG, None)
    before = ledger.account()

    spent = ledger.charge_shadow("dear", USAGE, CATALOG)

    account = ledger.account()
    assert (account.total, account.pairs) == (before.total, before.pairs)
    assert account.shadow.cost_usd == spent > 0
    assert account.shadow.baseline_usd == 0
