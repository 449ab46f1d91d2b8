"""The reference profiles that are shipped, and the example fleet that routes by them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.decision import Decision
from serve_app.core.fleet import GPUS, Load
from serve_app.core.intervals import wilson
from serve_app.core.request import Constraints
from serve_app.settings.config_file import read_config
from serve_app.store.file_store import read_profiles
from tests.builders import a_classification, features
from tests.paths import REPOSITORY

REFERENCE = REPOSITORY / "profiles" / "reference"
FILES = sorted(REFERENCE.rglob("*.json"))
FLEET = REPOSITORY / "examples" / "gpu_fleet.yaml"
WITHOUT_SOURCE = "provenance"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_profiles(REFERENCE)


def figures(value: Any, path: str = "") -> Iterator[str]:
    """The path of every number below `value`."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from figures(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from figures(part, f"{path}[{index}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def decided(catalog: Catalog, constraints: Constraints) -> Decision:
    args = read_config(FLEET).args
    pairs = [pair.pair for pair in args.pairs]
    return decide(
        decision_id="example",
        features=features(prompt_tokens=200, classification=a_classification(output_tokens=100)),
        constraints=constraints,
        pairs=pairs,
        catalog=catalog,
        load={pair.id: Load(ready_replicas=1) for pair in pairs},
        policy=args.routing.policy,
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_figure_says_where_it_stands_or_how_it_was_derived(file: Path) -> None:
    profile = json.loads(file.read_text())
    sources = profile["provenance"]["sources"]

    def told(path: str) -> bool:
        parts = [path[: match.start()] for match in re.finditer(r"[.\[]", path)]
        return any(part in sources for part in (*parts, path))

    numbers = [path for path in figures(profile) if not path.startswith(WITHOUT_SOURCE)]
    assert len(numbers) > 30
    assert [path for path in numbers if not told(path)] == []
    assert all(sources.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_source_is_of_a_field_that_the_profile_has(file: Path) -> None:
    profile = json.loads(file.read_text())

    for path in profile["provenance"]["sources"]:
        value = profile
        for part in re.findall(r"[^.\[\]]+", path):
            value = value[int(part)] if isinstance(value, list) else value[part]


def test_reference_profiles_are_published_and_never_measured(catalog: Catalog) -> None:
    assert len(catalog) == 4
    assert {profile.provenance.origin for profile in catalog} == {"published"}
    assert {profile.hardware.accelerator for profile in catalog} <= set(GPUS)


def test_no_accuracy_is_surer_than_its_number_of_items_allows(catalog: Catalog) -> None:
    for profile in catalog:
        for accuracy in (*profile.accuracy.values(), *profile.benchmarks.values()):
            lower, upper = wilson(accuracy.mean, accuracy.items)
            assert (accuracy.lower, accuracy.upper) == pytest.approx((lower, upper))


def test_the_store_of_the_embedded_fleet_has_none_of_them() -> None:
    embedded = read_profiles(REPOSITORY / "profiles" / "data")

    assert {profile.provenance.origin for profile in embedded} == {"measured"}


def test_the_example_fleet_deploys_what_the_profiles_are_of(catalog: Catalog) -> None:
    config = read_config(FLEET)
    store = (FLEET.parent / config.args.store.url).resolve()

    assert store == REFERENCE
    assert {pair.id for pair in config.args.pairs} == set(catalog.profiles)
    for settings in config.args.pairs:
        pair, profile = settings.pair, catalog.profiles[settings.id]
        assert (pair.model, pair.quantization, pair.hardware, pair.context_window) == (
            profile.model,
            profile.quantization,
            profile.hardware,
            profile.context_window,
        )


def test_the_example_fleet_routes_and_says_that_the_figures_are_published(catalog: Catalog) -> None:
    decision = decided(catalog, read_config(FLEET).args.routing.defaults)

    assert decision.chosen == "qwen2.5-7b-awq"
    assert decision.reason.endswith("qwen2.5-7b-awq is judged on published figures")


def test_a_floor_that_only_the_large_model_is_sure_to_meet_goes_there(catalog: Catalog) -> None:
    decision = decided(catalog, Constraints(min_accuracy=0.7))

    assert [candidate.pair for candidate in decision.ranked] == ["qwen2.5-72b-awq"]


def test_predictions_come_near_the_whole_answers_that_were_published(catalog: Catalog) -> None:
    # Published as the median of answers of 128 tokens, one request at a time.
    published_ms = {"qwen2.5-7b-fp16": 1600.2, "qwen2.5-7b-awq": 718.7}
    pairs = [settings.pair for settings in read_config(FLEET).args.pairs]
    policy = read_config(FLEET).args.routing.policy

    decision = decide(
        decision_id="example",
        features=features(prompt_tokens=30, classification=a_classification(output_tokens=128)),
        constraints=Constraints(deadline_quantile=0.5),
        pairs=pairs,
        catalog=catalog,
        load={pair.id: Load(ready_replicas=1) for pair in pairs},
        policy=policy,
    )

    for candidate in decision.ranked:
        if candidate.pair in published_ms:
            assert candidate.prediction is not None
            untouched_ms = candidate.prediction.total_ms / policy.published_margin
            assert untouched_ms == pytest.approx(published_ms[candidate.pair], rel=0.01)
