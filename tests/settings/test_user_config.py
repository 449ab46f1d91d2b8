"""The policy in the `user_config` of the ingress deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from serve_app.core.errors import PolicyInvalid
from serve_app.core.policy import PublishedPolicy, Weights
from serve_app.core.request import Constraints
from serve_app.settings.config_file import ConfigFileError, read_config, without_pairs
from serve_app.settings.policy import user_config_policy
from tests.paths import REPOSITORY

SHIPPED = (REPOSITORY / "serve_config.yaml").read_text()
PAIR = "smollm2-135m-w8a8"


def a_file(folder: Path, user_config: str, *, deployment: str = "Ingress") -> Path:
    path = folder / "fleet.yaml"
    path.write_text(
        f"{SHIPPED}\n    deployments:\n      - {{name: {deployment}, user_config: {user_config}}}\n"
    )
    return path


def test_a_file_without_one_is_as_before(tmp_path: Path) -> None:
    other = a_file(tmp_path, "{threads: 3}", deployment="Classifier")

    assert read_config(other).args == read_config(REPOSITORY / "serve_config.yaml").args


def test_its_policy_replaces_values_of_routing(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        f"{{policy: {{weights: {{chat: {{accuracy: 0, latency: 0, cost: 1}}}}, "
        f"static_fallback: {PAIR}, default_max_tokens: 99}}}}",
    )

    config = read_config(path)

    routing, shipped = config.args.routing, read_config(REPOSITORY / "serve_config.yaml").args
    assert routing.weights["chat"] == Weights(accuracy=0, latency=0, cost=1)
    assert routing.policy.weights["batch"] == shipped.routing.policy.weights["batch"]
    assert (routing.static_fallback, routing.default_max_tokens) == ((PAIR,), 99)
    assert routing.defaults == shipped.routing.defaults
    assert config.raw_args["routing"]["static_fallback"] != PAIR


def test_it_stays_where_pairs_are_left_out(tmp_path: Path) -> None:
    path = a_file(tmp_path, "{policy: {defaults: {min_accuracy: 0.01}}}")

    fewer = without_pairs(read_config(path), [PAIR])

    assert len(fewer.args.pairs) == 2
    assert fewer.args.routing.defaults == Constraints(min_accuracy=0.01)


@pytest.mark.parametrize(
    ("user_config", "problem"),
    [
        ("{policy: {wieghts: {}}}", "wieghts: got {}; unknown field"),
        ("{polcy: {}}", "it is a mapping with one field, policy"),
        ("[1]", "it is a mapping with one field, policy"),
        ("{policy: {static_fallback: nobody}}", "policy.static_fallback: 'nobody' is no pair"),
        ("{policy: {pairs: {a: {enabled: false}}}}", "use `quantroute publish --policy FILE`"),
    ],
)
def test_a_wrong_one_is_refused_with_its_line(
    tmp_path: Path, user_config: str, problem: str
) -> None:
    path = a_file(tmp_path, user_config)
    line = len(SHIPPED.splitlines()) + 2

    with pytest.raises(ConfigFileError) as caught:
        read_config(path)

    assert str(caught.value).startswith(f"{path}:{line}: user_config of Ingress: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("empty", [{}, {"policy": None}, {"policy": {}}])
def test_an_empty_one_states_nothing(empty: dict[str, Any]) -> None:
    assert user_config_policy(empty) == PublishedPolicy()


@pytest.mark.parametrize("given", [None, "policy", [], {"policy": 3}])
def test_any_other_value_is_refused(given: object) -> None:
    with pytest.raises(PolicyInvalid):
        user_config_policy(given)
