"""The fleets that recorded decisions are made of: those shipped, and two made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import get_args

from serve_app.core.catalog import Catalog, Version
from serve_app.core.fleet import Pair
from serve_app.core.policy import Policy, Weights
from serve_app.core.profile import GoldenResult, Profile
from serve_app.core.request import Capability, Preset
from serve_app.settings.config_file import read_config
from serve_app.store.codec import catalog_of_files, decode_profile, encode_catalog
from serve_app.testing.synthetic_fleet import synthetic_fleet
from tests.core.recording import Plain
from tests.paths import REPOSITORY

SEED = 20_261_128
ALL: frozenset[Capability] = frozenset(get_args(Capability))
SOME: frozenset[Capability] = frozenset({"json_schema", "logprobs"})
ONE: frozenset[Capability] = frozenset({"tools"})
NONE: frozenset[Capability] = frozenset()
# By position: most pairs of a fleet can do all.
HAVE = (ALL, ALL, ALL, ALL, ALL, SOME, ONE, NONE)
# What of a policy a decision between pairs that are on depends on.
DECIDING = (
    "weights",
    "reference_pair",
    "numeric_guard_share",
    "published_margin",
    "golden_gate",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A fleet and the policies to try on it, by name. The last takes requests for one pair."""

    pairs: tuple[Pair, ...]
    catalog: Catalog
    policies: Mapping[str, Policy]


def fleets() -> dict[str, Fleet]:
    made = synthetic_fleet(8, Random(SEED))
    return {
        "embedded": _shipped(
            "tests/smollm2_fleet/serve_config.yaml", "tests/smollm2_fleet/profiles/data"
        ),
        "reference": _shipped("examples/gpu_fleet.yaml", "profiles/reference"),
        "synthetic": _fleet(made.pairs, made.catalog, {"shipped": made.policy}),
        "varied": _varied(),
    }


def shared(all_fleets: Mapping[str, Fleet]) -> Plain:
    """What the first line of the recording holds."""
    return {
        "catalogs": {name: _published(name, fleet.catalog) for name, fleet in all_fleets.items()},
        "pairs": {
            name: [{**asdict(p), "capabilities": sorted(p.capabilities)} for p in fleet.pairs]
            for name, fleet in all_fleets.items()
        },
        "policies": {
            f"{name} {policy}": {field: asdict(values)[field] for field in DECIDING}
            for name, fleet in all_fleets.items()
            for policy, values in fleet.policies.items()
        },
    }


def _shipped(config: str, folder: str) -> Fleet:
    args = read_config(REPOSITORY / config).args
    paths = sorted((REPOSITORY / folder).glob("*/*@*.json"))
    profiles = {path.name: decode_profile(path.read_text(), path.name) for path in paths}
    policy = args.routing.policy
    policies = {"shipped": policy, "strict guard": replace(policy, numeric_guard_share=0.1)}
    pairs = tuple(pair.pair for pair in args.pairs)
    return _fleet(pairs, catalog_of_files(profiles, folder), policies)


def _fleet(pairs: tuple[Pair, ...], catalog: Catalog, policies: Mapping[str, Policy]) -> Fleet:
    first = next(iter(policies.values()))
    pinned = replace(first, numeric_guard_share=1.0, golden_gate=False)
    return Fleet(pairs=pairs, catalog=catalog, policies={**policies, "pinned": pinned})


def _varied() -> Fleet:
    """A made-up fleet with all that shipped fleets lack: gaps, failures, limits and twins."""
    made = synthetic_fleet(8, Random(SEED + 1))
    pairs, profiles = {p.id: p for p in made.pairs}, dict(made.catalog.profiles)
    for id, capabilities in zip(pairs, HAVE, strict=True):
        pairs[id] = replace(pairs[id], capabilities=capabilities)
    pairs["model-3"] = replace(pairs["model-3"], context_window=2_048)
    for id, fields in _oddities(profiles["model-5"]).items():
        profiles[id] = replace(profiles[id], **fields)
    del profiles["model-4"]
    first = profiles["model-0"]
    dearer = replace(first.hardware, usd_per_hour=2 * first.hardware.usd_per_hour)
    slower = replace(first.latency, tpot_ms=profiles["model-7"].latency.ttft_ms)
    # By name, the worse twins come before the better ones.
    for id, profile in (
        ("twin", first),
        ("dear-twin", replace(first, hardware=dearer)),
        ("late-twin", replace(first, latency=slower)),
    ):
        pairs[id], profiles[id] = replace(pairs["model-0"], id=id), replace(profile, pair=id)
    alone = dict.fromkeys(get_args(Preset), Weights(accuracy=1, latency=0, cost=0))
    policies = {
        "shipped": made.policy,
        "accuracy alone": replace(made.policy, weights=alone, reference_pair="gone"),
        "free reference": replace(made.policy, reference_pair="model-6", published_margin=1.0),
    }
    return _fleet(tuple(pairs.values()), Catalog.of("varied", profiles.values()), policies)


def _oddities(profile: Profile) -> dict[str, Plain]:
    """What some profiles have that synthetic ones have not."""
    overall = profile.accuracy["overall"]
    return {
        "model-0": {"provenance": replace(profile.provenance, origin="measured", command="bench")},
        "model-1": {"golden": GoldenResult(passed=False, reason="loses digits")},
        "model-2": {"golden": GoldenResult(passed=True), "tokens_ratio": 1.3},
        "model-5": {"context_window": 1_536, "max_concurrency": 4},
        "model-6": {
            "hardware": replace(profile.hardware, usd_per_hour=0.0),
            "accuracy": {"overall": overall, "code": replace(overall, mean=0.5, lower=0.4)},
        },
        "model-7": {"cold_start_s": 2.5, "tokens_ratio": 0.8},
    }


def _published(name: str, catalog: Catalog) -> Plain:
    version = Version(
        version=name,
        published_at="2026-01-01T00:00:00+00:00",
        by="recorder",
        pairs=tuple(catalog.profiles),
    )
    published: Plain = json.loads(encode_catalog(catalog, version))
    return published
