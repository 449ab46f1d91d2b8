"""Publishing a policy: its file, the checks, what it changes, and going back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.publishing.policy import read_policy
from profiles.publishing.publish import (
    Draft,
    Fleet,
    commit,
    draft_catalog,
    draft_policy,
    draft_rollback,
)
from serve_app.core.errors import CatalogInvalid, CatalogReplaced, PolicyInvalid, StoreEmpty
from serve_app.core.policy import PairPolicy, PublishedPolicy, Weights
from serve_app.core.request import Constraints
from serve_app.settings import RoutingSettings
from serve_app.testing import MemoryStore
from tests.catalogs import a_catalog, a_profile
from tests.policies import switching_off
from tests.profiles.publishing.test_fleet import a_fleet_pair

ROUTING = RoutingSettings(
    reference_pair="a",
    static_fallback=("a",),
    defaults=Constraints(latency_budget_ms=400, min_accuracy=0.9),
    default_max_tokens=512,
)
COST_ONLY = Weights(accuracy=0, latency=0, cost=1)


def a_fleet(*pairs: str, allow_mismatch: bool = False) -> Fleet:
    return Fleet(
        pairs=tuple(a_fleet_pair(a_profile(pair)) for pair in pairs),
        policy=ROUTING.policy,
        allow_mismatch=allow_mismatch,
    )


FLEET = a_fleet("a", "b")


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore()
    await store.publish(a_catalog("a", "b"), by="ci")
    return store


async def publish(store: MemoryStore, draft: Draft) -> str:
    return await commit(draft, store, by="ci")


def refusals(draft: Draft) -> list[str]:
    return [str(found) for found in draft.refused]


async def test_a_policy_alone_keeps_the_active_profiles(store: MemoryStore) -> None:
    before = await store.load()

    await publish(store, await draft_policy(switching_off("b"), store, fleet=FLEET))

    after = await store.load()
    assert after.profiles == before.profiles
    assert (after.policy, after.policy_version) == (switching_off("b"), "2")


async def test_profiles_alone_keep_the_active_policy(store: MemoryStore) -> None:
    await publish(store, await draft_policy(switching_off("b"), store))

    await publish(store, await draft_catalog(a_catalog("a"), store, floor=None))

    after = await store.load()
    assert list(after.profiles) == ["a"]
    assert (after.policy, after.policy_version) == (switching_off("b"), "2")


async def test_both_are_one_publication(store: MemoryStore) -> None:
    draft = await draft_catalog(
        a_catalog("a", "b", "c"), store, floor=None, policy=switching_off("b")
    )

    assert await publish(store, draft) == "2"

    after = await store.load()
    assert (sorted(after.profiles), after.policy_version) == (["a", "b", "c"], "2")


async def test_the_same_policy_again_keeps_its_version(store: MemoryStore) -> None:
    await publish(store, await draft_policy(switching_off("b"), store))

    draft = await draft_policy(switching_off("b"), store)
    await publish(store, draft)

    assert draft.changes == ()
    assert (await store.load()).policy_version == "2"


async def test_an_empty_policy_ends_the_last_one(store: MemoryStore) -> None:
    await publish(store, await draft_policy(switching_off("b"), store))

    draft = await draft_policy(PublishedPolicy(), store, fleet=FLEET)
    await publish(store, draft)

    assert draft.changes == ("policy: pairs.b.enabled: off -> on",)
    assert ((await store.load()).policy, (await store.load()).policy_version) == (None, None)


async def test_a_broken_active_catalog_does_not_lose_the_policy(store: MemoryStore) -> None:
    await publish(store, await draft_policy(switching_off("b"), store))
    store.put("{")

    await publish(store, await draft_catalog(a_catalog("a", "b"), store, floor=None))

    after = await store.load()
    assert (after.policy, after.policy_version) == (switching_off("b"), "2")


async def test_a_policy_needs_profiles_to_stand_with() -> None:
    with pytest.raises(StoreEmpty, match="publish one"):
        await draft_policy(switching_off("b"), MemoryStore())


async def test_going_back_takes_profiles_and_policy_back(store: MemoryStore) -> None:
    both = await draft_catalog(a_catalog("a"), store, floor=None, policy=switching_off("b"))
    await publish(store, both)

    draft = await draft_rollback(store, fleet=FLEET)
    await publish(store, draft)

    after = await store.load()
    assert sorted(after.profiles) == ["a", "b"]
    assert (after.policy, after.policy_version) == (None, None)
    assert "policy: pairs.b.enabled: off -> on" in draft.changes


async def test_going_back_to_a_policy_brings_its_version(store: MemoryStore) -> None:
    await publish(store, await draft_policy(switching_off("b"), store))
    await publish(store, await draft_policy(PublishedPolicy(default_max_tokens=9), store))

    await publish(store, await draft_rollback(store))

    after = await store.load()
    assert (after.version, after.policy, after.policy_version) == ("4", switching_off("b"), "2")


async def test_going_back_is_refused_where_no_pair_would_be_left(store: MemoryStore) -> None:
    await publish(store, await draft_policy(switching_off("b"), store))
    await publish(store, await draft_policy(PublishedPolicy(), store))

    draft = await draft_rollback(store, to="2", fleet=a_fleet("b"))

    assert "policy: pairs" in "".join(refusals(draft))


async def test_a_faster_publisher_is_not_overwritten(store: MemoryStore) -> None:
    draft = await draft_policy(switching_off("b"), store)
    await store.publish(a_catalog("a"), by="other")

    with pytest.raises(CatalogReplaced):
        await publish(store, draft)


@pytest.mark.parametrize(
    ("policy", "refusal"),
    [
        (
            PublishedPolicy(pairs={"x": PairPolicy(usd_per_hour=1)}),
            "policy: pairs: got 'x'; the fleet has 'a', 'b'; correct the name",
        ),
        (
            PublishedPolicy(static_fallback=("a", "x")),
            "policy: static_fallback: got 'x'; the fleet has 'a', 'b'; correct the name",
        ),
        (switching_off("a", "b"), "policy: pairs: got it switches off all pairs"),
        (switching_off("a"), "policy: static_fallback: got no pair of 'a' is on"),
    ],
    ids=["pair", "fallback", "all off", "fallback off"],
)
async def test_what_no_router_of_this_fleet_could_use_is_refused(
    store: MemoryStore, policy: PublishedPolicy, refusal: str
) -> None:
    draft = await draft_policy(policy, store, fleet=FLEET)

    (line,) = refusals(draft)
    assert line.startswith(refusal)
    with pytest.raises(CatalogInvalid):
        await publish(store, draft)
    assert (await store.load()).version == "1"


async def test_one_of_two_fallbacks_that_is_off_is_refused_too(store: MemoryStore) -> None:
    fleet = replace(FLEET, policy=replace(ROUTING.policy, static_fallback=("a", "b")))

    (line,) = refusals(await draft_policy(switching_off("b"), store, fleet=fleet))

    assert "static_fallback: got 'b', which pairs switches off" in line


async def test_pairs_without_a_profile_cannot_be_the_only_ones_left(store: MemoryStore) -> None:
    policy = switching_off("a", "b", static_fallback=("c",))

    (line,) = refusals(await draft_policy(policy, store, fleet=a_fleet("a", "b", "c")))

    assert "'c', have no profile" in line


async def test_profiles_that_leave_only_pairs_that_are_off_are_refused(store: MemoryStore) -> None:
    await publish(store, await draft_policy(switching_off("b"), store, fleet=FLEET))

    draft = await draft_catalog(a_catalog("b"), store, floor=None, fleet=FLEET)

    assert any("policy: pairs" in line for line in refusals(draft))


async def test_a_mismatch_can_be_allowed_and_an_outage_cannot(store: MemoryStore) -> None:
    fleet = a_fleet("a", "b", allow_mismatch=True)
    unknown = PublishedPolicy(pairs={"x": PairPolicy(usd_per_hour=1)})

    allowed = await draft_policy(unknown, store, fleet=fleet)
    outage = await draft_policy(switching_off("a", "b"), store, fleet=fleet)

    assert (refusals(allowed), len(allowed.warnings)) == ([], 1)
    assert len(refusals(outage)) == 1


async def test_without_a_fleet_file_the_profiles_stand_for_it(store: MemoryStore) -> None:
    unknown = await draft_policy(switching_off("x"), store)
    outage = await draft_policy(switching_off("a", "b"), store)

    assert (refusals(unknown), len(unknown.warnings)) == ([], 1)
    assert "switches off all pairs" in refusals(outage)[0]


async def test_changes_are_told_value_by_value(store: MemoryStore) -> None:
    first = PublishedPolicy(
        weights={"chat": COST_ONLY},
        defaults=Constraints(min_accuracy=0.5),
        pairs={"a": PairPolicy(usd_per_hour=0.5), "b": PairPolicy(enabled=False)},
    )
    second = PublishedPolicy(
        weights={"chat": replace(COST_ONLY, latency=0.2)},
        static_fallback=("a", "b"),
        pairs={"a": PairPolicy(usd_per_hour=0.75)},
    )

    opening = await draft_policy(first, store, fleet=FLEET)
    await publish(store, opening)
    draft = await draft_policy(second, store, fleet=FLEET)

    assert _about(opening.changes, "weights", "pairs") == [
        "policy: pairs.a.usd_per_hour: not published -> 0.5",
        "policy: pairs.b.enabled: on -> off",
        "policy: weights.chat.accuracy: 0.15 (fleet file) -> 0.0",
        "policy: weights.chat.cost: 0.15 (fleet file) -> 1.0",
        "policy: weights.chat.latency: 0.7 (fleet file) -> 0.0",
    ]
    assert not any("defaults.preset" in line for line in opening.changes)
    assert "policy: defaults.latency_budget_ms: 400 (fleet file) -> none" in opening.changes
    assert _about(draft.changes, "weights", "pairs", "static_fallback") == [
        "policy: pairs.a.usd_per_hour: 0.5 -> 0.75",
        "policy: pairs.b.enabled: off -> on",
        "policy: static_fallback: a (fleet file) -> a, b",
        "policy: weights.chat.latency: 0.0 -> 0.2",
    ]
    assert "policy: defaults.min_accuracy: 0.5 -> 0.9 (fleet file)" in draft.changes


def _about(changes: Sequence[str], *fields: str) -> list[str]:
    return [line for line in changes if line.split(": ")[1].split(".")[0] in fields]


def test_a_file_is_yaml_with_the_names_of_the_fleet_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        """
        weights:
          chat: {accuracy: 0, latency: 0, cost: 1}
        static_fallback: a
        pairs:
          b: {enabled: off, default_max_tokens: 64}
        """
    )

    assert read_policy(path) == PublishedPolicy(
        weights={"chat": COST_ONLY},
        static_fallback=("a",),
        pairs={"b": PairPolicy(enabled=False, default_max_tokens=64)},
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n"])
def test_an_empty_file_states_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)

    assert read_policy(tmp_path / "policy.yaml") == PublishedPolicy()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("wieghts: {}", "wieghts: got {}; unknown field: remove it, or fix the name"),
        ("wieghts: {}", "a policy has: weights, defaults, static_fallback"),
        ("weights: {chats: {accuracy: 1, latency: 0, cost: 0}}", "weights.chats: got 'chats'"),
        ("weights: {chat: {accuracy: -0.1, latency: 0, cost: 0}}", "weights.chat.accuracy: got"),
        ("weights: {chat: {accuracy: 1, latency: 0}}", "weights.chat.cost: got nothing"),
        ("weights: {chat: {accuracy: 0, latency: 0, cost: 0}}", "weights.chat: accuracy, latency"),
        ("defaults: {latency: 5}", "defaults.latency: got 5; unknown field"),
        ("defaults: {min_accuracy: 2}", "defaults.min_accuracy: got 2"),
        ("pairs: {a: {on: true}}", "pairs.a.true: got True; unknown field"),
        ("pairs: {a: {usd_per_hour: 0}}", "pairs.a.usd_per_hour: got 0"),
        ("pairs: {a: {default_max_tokens: -1}}", "pairs.a.default_max_tokens: got -1"),
        ("numeric_guard_share: .nan", "numeric_guard_share: got nan"),
        ("published_margin: 0.9", "published_margin: got 0.9"),
        (
            "static_fallback: a\npairs: {a: {enabled: false}}",
            "static_fallback: 'a' is switched off",
        ),
        ("- a", "the document: got ['a']"),
        ("pairs: {a: {}}\npairs: {b: {}}", "pairs: is there twice, again in line 2"),
        ("pairs: {a: {}, a: {}}", "pairs.a: is there twice"),
        ("pairs: {", "it is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_field(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)

    with pytest.raises(PolicyInvalid) as caught:
        read_policy(path)

    assert str(caught.value).startswith(f"policy in {path} refused: ")
    assert problem in str(caught.value)
