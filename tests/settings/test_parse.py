"""Settings say which field is wrong, what came and what is allowed."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
import yaml

from serve_app.core.fleet import GPUS
from serve_app.settings import SettingsError, parse_args
from tests.paths import REPOSITORY, SMOLLM2_FLEET

SHIPPED = REPOSITORY / "serve_config.yaml"


def embedded_args(file: Path = SMOLLM2_FLEET) -> dict[str, Any]:
    document = yaml.safe_load(file.read_text())
    args: dict[str, Any] = document["applications"][0]["args"]
    return copy.deepcopy(args)


def problem_of(args: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as refused:
        parse_args(args)
    return str(refused.value)


def test_the_shipped_configuration_is_sound() -> None:
    assert [pair.id for pair in parse_args(embedded_args(SHIPPED)).pairs] == [
        "smollm2-135m-w8a8",
        "qwen2.5-0.5b-bf16",
        "qwen2.5-0.5b-w8a8",
    ]


def test_the_shipped_success_model_is_in_the_installed_package() -> None:
    assert embedded_args(SHIPPED)["classifier"]["success_model"].startswith("package:profiles/")


@pytest.mark.parametrize(
    ("block", "field", "path", "problem"),
    [
        ("classifier", "success_model", "package:profiles/success/none.npz", "has no"),
        ("store", "fallback_url", "package:not_installed/data", "'not_installed' is not installed"),
        ("store", "url", "package:profiles/data", "catalogs are published here"),
    ],
)
def test_a_package_path_that_cannot_be_used_is_refused(
    block: str, field: str, path: str, problem: str
) -> None:
    message = problem_of({**embedded_args(), block: {field: path}})

    assert f"{block}.{field}: " in message
    assert problem in message
    assert path in message


@pytest.mark.parametrize("origin", ["*", "https://a.example", "http://[::1]:3000", "tauri://app"])
def test_an_origin_of_pages_is_a_scheme_and_a_host(origin: str) -> None:
    args = parse_args({**embedded_args(), "ingress": {"cors_origins": [origin]}})

    assert args.ingress.cors_origins == (origin,)


@pytest.mark.parametrize("origin", ["", "a.example", "https://a.example/", "https://a.example/b"])
def test_what_is_no_origin_is_refused_with_what_is_one(origin: str) -> None:
    message = problem_of({**embedded_args(), "ingress": {"cors_origins": [origin]}})

    assert "ingress.cors_origins[0]: " in message
    assert "https://chat.example.org" in message


def test_two_pairs_of_one_id_are_refused_naming_the_second() -> None:
    args = embedded_args()
    args["pairs"][2]["id"] = "smollm2-135m-w8a8"
    assert "pairs[2].id: 'smollm2-135m-w8a8' is already the id of pairs[1]" in problem_of(args)


def test_a_fallback_that_is_no_pair_is_refused_with_the_pairs_there_are() -> None:
    args = embedded_args()
    args["routing"]["static_fallback"] = "qwen-72b"
    message = problem_of(args)
    assert "routing.static_fallback: 'qwen-72b' is no pair" in message
    assert "smollm2-135m-w8a8" in message


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ({"routing": {"reference_pair": "vectors"}}, "routing.reference_pair"),
        ({"routing": {"static_fallback": "vectors"}}, "routing.static_fallback"),
        ({"routing": {"static_fallback": ["smollm2-135m-bf16", "vectors"]}}, "static_fallback[1]"),
        ({"feedback": {"shadow": {"reference_pair": "vectors"}}}, "feedback.shadow.reference_pair"),
    ],
)
def test_a_pair_that_embeds_is_refused_where_one_has_to_generate(
    block: dict[str, Any], place: str
) -> None:
    args = embedded_args()
    args["pairs"].append({**args["pairs"][0], "id": "vectors", "serves": "embed"})
    assert parse_args(args).pairs[-1].pair.serves == "embed"

    for name, fields in block.items():
        args[name] = {**args.get(name, {}), **fields}

    assert f"{place}: 'vectors' serves embeddings" in problem_of(args)


def test_one_fallback_or_several_can_be_named() -> None:
    args = embedded_args()
    assert parse_args(args).routing.static_fallback == ("smollm2-135m-bf16",)

    several = ["smollm2-135m-w8a8", "smollm2-135m-bf16"]
    args["routing"]["static_fallback"] = several
    assert parse_args(args).routing.static_fallback == tuple(several)


def test_a_wrong_fallback_among_several_is_named_with_its_place() -> None:
    args = embedded_args()
    args["routing"]["static_fallback"] = ["smollm2-135m-bf16", "qwen-72b"]
    assert "routing.static_fallback[1]: 'qwen-72b' is no pair" in problem_of(args)

    args["routing"]["static_fallback"] = []
    assert "routing.static_fallback" in problem_of(args)


def test_a_missing_fallback_is_refused_by_name() -> None:
    args = embedded_args()
    del args["routing"]["static_fallback"]
    assert "routing.static_fallback: is missing" in problem_of(args)


def test_a_negative_price_is_refused_with_the_value() -> None:
    args = embedded_args()
    args["pairs"][1]["hardware"] = {"accelerator": "CPU", "count": 1, "usd_per_hour": -0.5}
    message = problem_of(args)
    assert "pairs[1].hardware.usd_per_hour" in message
    assert "-0.5" in message


def test_an_unknown_accelerator_is_refused_with_the_known_ones() -> None:
    args = embedded_args()
    args["pairs"][0]["hardware"] = {"accelerator": "A11G", "count": 1, "usd_per_hour": 1}
    message = problem_of(args)
    assert "'A11G'" in message
    assert "A10G" in message


def test_a_replica_may_not_take_one_and_a_half_gpus() -> None:
    args = embedded_args()
    args["pairs"][0]["hardware"] = {"accelerator": "A10G", "count": 1.5, "usd_per_hour": 1}
    assert "whole" in problem_of(args)


def test_a_misspelt_field_is_refused_by_its_path() -> None:
    args = embedded_args()
    args["routing"]["defautls"] = {}
    args["pairs"][0]["hardware"] = {**args["pairs"][0]["hardware"], "cuont": 2}
    assert "routing.defautls: unknown setting" in problem_of(args)
    assert "pairs[0].hardware.cuont: unknown setting" in problem_of(args)


@pytest.mark.parametrize("namespace", ["", "a:b", "a/b", "-a", "a&namespace=b", "x" * 65])
def test_a_namespace_is_one_plain_name(namespace: str) -> None:
    url = f"redis://127.0.0.1:6379/0?namespace={namespace}"

    message = problem_of({**embedded_args(), "store": {"url": url}})

    assert "store.url" in message
    assert "as in redis://host:port/db?namespace=NAME" in message


def test_a_store_of_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    message = problem_of({**embedded_args(), "store": {"url": "etcd://127.0.0.1:2379"}})
    assert "store.url" in message
    assert "redis://" in message


def test_a_misspelt_preset_is_refused_by_its_path() -> None:
    args = embedded_args()
    args["routing"]["weights"] = {"fast": {"accuracy": 0, "latency": 1, "cost": 0}}
    assert "routing.weights.fast: " in problem_of(args)


def test_an_empty_fleet_is_refused() -> None:
    assert "pairs: is empty" in problem_of({**embedded_args(), "pairs": []})


@pytest.mark.parametrize("name", ["auto", "", "two words", "smollm2-135m-instruct"])
def test_an_id_that_cannot_be_asked_for_is_refused(name: str) -> None:
    args = embedded_args()
    args["pairs"][0]["id"] = name
    assert "pairs[0].id" in problem_of(args)


def test_a_gpu_fleet_needs_other_arguments_and_no_other_code() -> None:
    args = embedded_args()
    args["pairs"] = [
        {
            **args["pairs"][0],
            "id": f"qwen2.5-7b-awq-{accelerator}",
            "hardware": {"accelerator": accelerator, "count": count, "usd_per_hour": 1.2},
        }
        for accelerator, count in [("A10G", 0.5), ("A100-80G", 2)]
    ]
    args["routing"]["static_fallback"] = args["routing"]["reference_pair"] = args["pairs"][0]["id"]
    assert [pair.hardware.count for pair in parse_args(args).pairs] == [0.5, 2]


@pytest.mark.parametrize("margin", [0.9, float("nan"), float("inf")])
def test_a_margin_under_one_or_without_end_is_refused(margin: float) -> None:
    args = embedded_args()
    args["routing"]["published_margin"] = margin

    assert "routing.published_margin" in problem_of(args)


def test_the_margin_for_published_profiles_reaches_the_policy() -> None:
    args = embedded_args()
    args["routing"]["published_margin"] = 1.6

    assert parse_args(args).routing.policy.published_margin == 1.6


def test_settings_cannot_be_changed_once_read() -> None:
    settings = parse_args(embedded_args())
    with pytest.raises(FrozenInstanceError):
        settings.routing.max_attempts = 9  # type: ignore[misc]


def test_every_gpu_name_is_one_that_ray_knows() -> None:
    from ray.util.accelerators import accelerators

    assert set(GPUS) <= {v for v in vars(accelerators).values() if isinstance(v, str)}


@pytest.mark.parametrize(
    ("feedback", "problem"),
    [
        ({"weight": 1.5}, "feedback.weight: Input should be less than or equal to 1; got 1.5"),
        ({"half_life_s": 0}, "feedback.half_life_s: Input should be greater than 0; got 0"),
        ({"log_prompts": True}, "feedback: log_prompts is true and there is no log"),
        ({"log_files": 1}, "feedback.log_files: Input should be greater than or equal to 2"),
        ({"shadow": {"share": 2}}, "feedback.shadow.share: Input should be less than or equal"),
        ({"shadow": {"usd_per_hour": 0}}, "feedback.shadow.usd_per_hour: Input should be greater"),
        ({"shadow": {"reference_pair": "gpt"}}, "feedback.shadow.reference_pair: 'gpt' is no pair"),
    ],
)
def test_feedback_settings_that_cannot_hold_are_refused(
    feedback: dict[str, Any], problem: str
) -> None:
    assert problem in problem_of(embedded_args() | {"feedback": feedback})
