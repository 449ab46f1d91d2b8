"""From a pair's settings to the configuration of its `ray.serve.llm` deployment.

Plain values only, so that it can be tested without Ray or vLLM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.core.fleet import CPU
from serve_app.settings import PairSettings, ReplicaSettings

# Ray Serve LLM holds a streamed token back for 50 ms to batch it with the next (ray#59681).
NO_STREAM_BATCHING = {"stream_batching_interval_ms": 0}
REPLICA_ACTOR_CPUS = 0.1
# A path, since importing it imports Ray. It keeps calls from replicas with an open breaker.
REQUEST_ROUTER = {"request_router_class": "serve_app.serving.replica_router.PlacementRouter"}


def llm_config_fields(settings: PairSettings, checkpoint: str) -> dict[str, Any]:
    """The fields of an `LLMConfig` that serves `settings` from `checkpoint`.

    A whole number of accelerators becomes tensor parallelism; a fraction shares one
    accelerator, and vLLM uses that share of its memory.
    """
    bundle = {"CPU": settings.cpus}
    accelerator: dict[str, Any] = {"accelerator_config": {"kind": "cpu"}}
    if settings.hardware.accelerator != CPU:
        bundle["GPU"] = min(settings.hardware.count, 1.0)
        accelerator = {"accelerator_type": settings.hardware.accelerator}
    return {
        "model_loading_config": {"model_id": settings.id, "model_source": checkpoint},
        "engine_kwargs": engine_kwargs(settings),
        "placement_group_config": {"bundle_per_worker": bundle},
        "deployment_config": {
            "ray_actor_options": {"num_cpus": REPLICA_ACTOR_CPUS},
            "autoscaling_config": autoscaling(settings.replicas),
            # A replica queues a little beyond what vLLM runs at once, so that its batch stays full.
            "max_ongoing_requests": settings.max_concurrency * 2,
            "max_queued_requests": settings.max_queued_requests,
            "health_check_period_s": 5,
            "health_check_timeout_s": 30,
            **replica_choice(settings),
            "graceful_shutdown_timeout_s": settings.replicas.drain_s(),
        },
        "runtime_env": {"env_vars": dict(settings.env)},
        "experimental_configs": dict(NO_STREAM_BATCHING),
        **accelerator,
    }


def replica_choice(settings: PairSettings) -> dict[str, Any]:
    """The deployment's option that lets a call avoid replicas, where Ray Serve allows it.

    A pair that is an application of its own is that application's ingress deployment. In HAProxy
    mode Ray Serve 2.60 refuses a request router there.
    """
    return {} if settings.app is not None else {"request_router_config": dict(REQUEST_ROUTER)}


def autoscaling(replicas: ReplicaSettings) -> dict[str, Any]:
    """Ray Serve's autoscaling options."""
    return {
        "min_replicas": replicas.min,
        "initial_replicas": max(replicas.min, 0),
        "max_replicas": replicas.max,
        "target_ongoing_requests": replicas.target_ongoing_requests,
        "upscale_delay_s": replicas.upscale_delay_s,
        "downscale_delay_s": replicas.downscale_delay_s,
    }


def engine_kwargs(settings: PairSettings) -> dict[str, Any]:
    """vLLM engine arguments: what the pair implies, and over it what the operator set."""
    count = settings.hardware.count
    # A model that also generates would otherwise be started to generate.
    runner = {"runner": "pooling"} if settings.serves == "embed" else {}
    derived: Mapping[str, Any] = {
        "max_model_len": settings.context_window,
        "max_num_seqs": settings.max_concurrency,
        **runner,
    }
    if settings.hardware.accelerator != CPU and count > 1:
        derived = {**derived, "tensor_parallel_size": int(count)}
    if settings.hardware.accelerator != CPU and count < 1:
        derived = {**derived, "gpu_memory_utilization": round(0.9 * count, 3)}
    return {**derived, **settings.engine}
