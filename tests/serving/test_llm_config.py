"""A pair's settings become the `ray.serve.llm` configuration of its deployment."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from serve_app.serving.llm_config import llm_config_fields
from serve_app.settings import PairSettings


def a_pair_on(accelerator: str, count: float, **fields: Any) -> PairSettings:
    return TypeAdapter(PairSettings).validate_python(
        {
            "id": "qwen2.5-7b-awq",
            "model": "qwen2.5-7b",
            "checkpoint": "Qwen/Qwen2.5-7B-Instruct-AWQ",
            "quantization": {"name": "awq", "weight_bits": 4, "activations": "fp16"},
            "hardware": {"accelerator": accelerator, "count": count, "usd_per_hour": 1.2},
            "context_window": 8192,
            "max_concurrency": 32,
            "cpus": 2,
            **fields,
        }
    )


def test_half_a_gpu_reserves_half_and_uses_half_of_its_memory() -> None:
    fields = llm_config_fields(a_pair_on("A10G", 0.5), "hub/id")
    assert fields["placement_group_config"] == {"bundle_per_worker": {"CPU": 2, "GPU": 0.5}}
    assert fields["engine_kwargs"]["gpu_memory_utilization"] == pytest.approx(0.45)
    assert fields["accelerator_type"] == "A10G"


def test_several_gpus_become_tensor_parallel_workers_of_one_gpu_each() -> None:
    fields = llm_config_fields(a_pair_on("A100-80G", 4), "hub/id")
    assert fields["engine_kwargs"]["tensor_parallel_size"] == 4
    assert fields["placement_group_config"]["bundle_per_worker"]["GPU"] == 1


def test_a_cpu_pair_asks_for_no_accelerator() -> None:
    fields = llm_config_fields(a_pair_on("CPU", 1), "hub/id")
    assert fields["accelerator_config"] == {"kind": "cpu"}
    assert "accelerator_type" not in fields
    assert fields["placement_group_config"] == {"bundle_per_worker": {"CPU": 2}}


def test_engine_settings_of_the_operator_win() -> None:
    pair = a_pair_on("A10G", 0.5, engine={"gpu_memory_utilization": 0.3, "max_num_seqs": 4})
    engine = llm_config_fields(pair, "hub/id")["engine_kwargs"]
    assert (engine["gpu_memory_utilization"], engine["max_num_seqs"]) == (0.3, 4)
    assert engine["max_model_len"] == 8192


def test_tokens_are_not_held_back_to_be_batched() -> None:
    fields = llm_config_fields(a_pair_on("A10G", 1), "hub/id")
    assert fields["experimental_configs"]["stream_batching_interval_ms"] == 0


@pytest.mark.parametrize(("accelerator", "count"), [("CPU", 1), ("A10G", 0.5), ("A100", 2)])
def test_ray_serve_llm_takes_the_configuration(accelerator: str, count: float) -> None:
    from ray.serve.llm import LLMConfig

    config = LLMConfig(**llm_config_fields(a_pair_on(accelerator, count), "hub/id"))
    gpus = sum(b.get("GPU", 0) for b in config.get_engine_config().placement_bundles)
    assert gpus == (0 if accelerator == "CPU" else count)


def test_a_pair_that_embeds_is_started_to_pool_and_another_one_is_not() -> None:
    embeds = llm_config_fields(a_pair_on("A10G", 1, serves="embed"), "hub/id")
    generates = llm_config_fields(a_pair_on("A10G", 1), "hub/id")
    assert embeds["engine_kwargs"]["runner"] == "pooling"
    assert "runner" not in generates["engine_kwargs"]


def test_only_a_composed_pair_has_a_request_router() -> None:
    """Ray Serve refuses one on the ingress deployment of an application, in HAProxy mode."""
    composed = llm_config_fields(a_pair_on("A10G", 1), "hub/id")
    own = llm_config_fields(a_pair_on("A10G", 1, app="qwen"), "hub/id")
    assert "request_router_config" in composed["deployment_config"]
    assert "request_router_config" not in own["deployment_config"]
