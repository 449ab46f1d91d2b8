"""The fleet file's policy, and what is published over it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.catalog import Snapshot
from serve_app.core.errors import CatalogInvalid
from serve_app.core.policy import PairPolicy, PublishedPolicy, Weights, policy_problems
from serve_app.core.request import Constraints
from tests.builders import a_catalog, a_pair, a_policy, a_profile
from tests.policies import switching_off, with_policy

FILE = replace(
    a_policy(),
    defaults=Constraints(latency_budget_ms=400, min_accuracy=0.9),
    static_fallback=("a",),
    default_max_tokens=512,
)
FLEET = (a_pair("a"), a_pair("b"))
CATALOG = a_catalog(a_profile("a"), a_profile("b"))
COST_ONLY = Weights(accuracy=0, latency=0, cost=1)


def in_use(published: PublishedPolicy) -> Snapshot:
    return Snapshot.of(with_policy(CATALOG, published), FILE, FLEET)


def test_an_empty_policy_changes_nothing() -> None:
    assert FILE.amended(PublishedPolicy(), None) == FILE


def test_without_a_published_policy_the_fleet_files_holds() -> None:
    snapshot = Snapshot.of(CATALOG, FILE, FLEET)

    assert snapshot.policy == FILE
    assert snapshot.policy.version is None
    assert {pair.default_max_tokens for pair in snapshot.pairs} == {512}


def test_a_published_preset_replaces_that_preset_alone() -> None:
    policy = in_use(PublishedPolicy(weights={"chat": COST_ONLY})).policy

    assert policy.weights == {**FILE.weights, "chat": COST_ONLY}
    assert (policy.defaults, policy.version) == (FILE.defaults, "7")


def test_published_defaults_replace_all_of_them() -> None:
    published = PublishedPolicy(defaults=Constraints(min_accuracy=0.5))

    assert in_use(published).policy.defaults == Constraints(min_accuracy=0.5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("static_fallback", ("b",)),
        ("numeric_guard_share", 0.1),
        ("published_margin", 2.0),
        ("default_max_tokens", 64),
    ],
)
def test_any_other_field_replaces_the_fleet_files(field: str, value: object) -> None:
    policy = in_use(PublishedPolicy(**{field: value})).policy  # type: ignore[arg-type]

    assert getattr(policy, field) == value
    assert policy.weights == FILE.weights


@pytest.mark.parametrize(
    ("published", "own", "limits"),
    [
        (PublishedPolicy(), None, (512, 512)),
        (PublishedPolicy(default_max_tokens=64), None, (64, 64)),
        (PublishedPolicy(default_max_tokens=64), 32, (32, 64)),
        (PublishedPolicy(pairs={"a": PairPolicy(default_max_tokens=16)}), 32, (16, 512)),
    ],
    ids=["the fleet file's", "published", "the pair's own", "published for the pair"],
)
def test_the_limit_on_answers_is_the_pairs_and_else_the_fleets(
    published: PublishedPolicy, own: int | None, limits: tuple[int, int]
) -> None:
    fleet = (replace(a_pair("a"), default_max_tokens=own), a_pair("b"))

    pairs = Snapshot.of(with_policy(CATALOG, published), FILE, fleet).pairs

    assert tuple(pair.default_max_tokens for pair in pairs) == limits


def test_a_published_price_replaces_the_profiles() -> None:
    snapshot = in_use(PublishedPolicy(pairs={"a": PairPolicy(usd_per_hour=3.0)}))

    assert snapshot.catalog is not None
    assert snapshot.catalog.profiles["a"].hardware.usd_per_hour == 3.0
    price, before = snapshot.catalog.prices["a"], CATALOG.prices["a"]
    assert price.usd_per_mtok_out == pytest.approx(3 * before.usd_per_mtok_out)
    assert snapshot.catalog.prices["b"] == CATALOG.prices["b"]


def test_names_of_other_fleets_have_no_effect() -> None:
    published = PublishedPolicy(
        pairs={"x": PairPolicy(enabled=False, usd_per_hour=3.0, default_max_tokens=1)},
        static_fallback=("x", "b"),
    )

    snapshot = in_use(published)

    assert snapshot.catalog is not None
    assert snapshot.catalog.profiles == CATALOG.profiles
    assert {pair.default_max_tokens for pair in snapshot.pairs} == {512}


def test_a_fallback_that_is_off_leaves_the_others() -> None:
    file = replace(FILE, static_fallback=("a", "b"))

    snapshot = Snapshot.of(with_policy(CATALOG, switching_off("a")), file, FLEET)

    assert snapshot.policy.static_fallback == ("b",)
    assert snapshot.policy.switched_off == {"a"}


@pytest.mark.parametrize(
    ("published", "problem"),
    [
        (switching_off("a", "b"), "policy.pairs: it switches off all pairs of this fleet"),
        (switching_off("a"), "policy.static_fallback: no pair of 'a' is on in this fleet"),
        (
            PublishedPolicy(static_fallback=("x",)),
            "policy.static_fallback: no pair of 'x' is on in this fleet",
        ),
    ],
)
def test_a_policy_that_leaves_no_pair_is_refused(published: PublishedPolicy, problem: str) -> None:
    with pytest.raises(CatalogInvalid) as caught:
        in_use(published)

    (line,) = caught.value.problems
    assert line.startswith(problem)


def test_a_policy_that_leaves_no_measured_pair_is_refused() -> None:
    catalog = with_policy(a_catalog(a_profile("a")), switching_off("a", static_fallback=("b",)))

    with pytest.raises(CatalogInvalid, match="'b', have no profile"):
        Snapshot.of(catalog, FILE, FLEET)


def test_weights_that_are_all_zero_rank_nothing() -> None:
    nothing = Weights(accuracy=0, latency=0, cost=0)

    (problem,) = policy_problems(PublishedPolicy(weights={"chat": COST_ONLY, "batch": nothing}))

    assert problem.startswith("weights.batch: accuracy, latency and cost are all 0")
