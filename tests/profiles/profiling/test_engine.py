"""How vLLM is called, and what is read from it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from profiles.errors import EngineDidNotLoad, EngineUnsuitable
from profiles.profiling.engine import engine_argv, running_engine
from serve_app.core.profile import Hardware
from tests.profiles.samples import a_pair, a_spec

METRICS = """\
# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="128",kv_cache_memory_bytes="4096",num_gpu_blocks="364"} 1.0
"""


@contextmanager
def a_server(answers: dict[str, str]) -> Iterator[str]:
    """Answers GET with the text for its path, 404 without one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(answers.get(self.path, "").encode())

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is not an access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def serving(*models: str) -> str:
    return json.dumps({"data": [{"id": model} for model in models]})


def test_engine_arguments_become_flags() -> None:
    spec = replace(
        a_spec(),
        engine_kwargs={
            "max_model_len": 2048,
            "enforce_eager": True,
            "enable_prefix_caching": False,
            "tool_call_parser": None,
            "allowed_media": ["a", "b"],
            "hf_overrides": {"rope_theta": 1e4},
        },
    )

    argv = engine_argv(spec, 4321)

    flags = argv[argv.index("4321") + 1 :]
    assert flags == [
        *("--max-model-len", "2048"),
        "--enforce-eager",
        "--no-enable-prefix-caching",
        *("--allowed-media", "a", "b"),
        *("--hf-overrides", '{"rope_theta": 10000.0}'),
    ]


def test_an_engine_serves_its_checkpoint_under_the_pairs_id_on_this_machine_only() -> None:
    command = " ".join(engine_argv(a_spec("tiny-w8a8"), 4321))

    assert "--model org/tiny --served-model-name tiny-w8a8 --host 127.0.0.1" in command


def test_a_replica_has_as_many_workers_as_it_is_spread_over() -> None:
    spread = {"tensor_parallel_size": 4, "pipeline_parallel_size": 2, "max_num_seqs": 64}

    assert replace(a_spec(), engine_kwargs=spread).workers == 8
    assert a_spec().workers == 1


def test_a_gpu_pairs_peak_is_that_of_its_gpus() -> None:
    gpu = replace(a_pair(), hardware=Hardware(accelerator="A100", count=1, usd_per_hour=2))

    assert replace(a_spec(), pair=gpu).peak_of == "gpu"
    assert a_spec().peak_of == "rss"


async def test_an_engine_found_running_has_no_cold_start(tmp_path: Path) -> None:
    answers = {
        "/v1/models": serving("tiny-bf16"),
        "/version": '{"version": "0.32.0"}',
        "/metrics": METRICS,
    }
    with a_server(answers) as url:
        spec = replace(a_spec("tiny-bf16"), url=f"{url}/v1")
        async with running_engine(spec, tmp_path / "engine.log") as endpoint:
            assert (endpoint.url, endpoint.engine_version) == (url, "0.32.0")
            assert endpoint.report.kv_cache_bytes == 4096
            assert endpoint.footprint is None


async def test_a_running_engine_that_serves_another_model_is_refused(tmp_path: Path) -> None:
    with (
        a_server({"/v1/models": serving("other")}) as url,
        pytest.raises(EngineUnsuitable, match=r"serves \['other'\], not 'tiny-bf16'"),
    ):
        async with running_engine(replace(a_spec(), url=url), tmp_path / "engine.log"):
            pass


async def test_a_server_that_is_no_vllm_is_refused(tmp_path: Path) -> None:
    with (
        a_server({"/v1/models": serving("tiny-bf16")}) as url,
        pytest.raises(EngineUnsuitable, match="no vLLM server"),
    ):
        async with running_engine(replace(a_spec(), url=url), tmp_path / "engine.log"):
            pass


async def test_an_address_where_nothing_answers_is_refused(tmp_path: Path) -> None:
    with a_server({}) as url:
        pass
    with pytest.raises(EngineUnsuitable, match="no engine answers at"):
        async with running_engine(replace(a_spec(), url=url), tmp_path / "engine.log"):
            pass


async def test_an_engine_that_does_not_load_is_reported_with_its_cause_and_log(
    tmp_path: Path,
) -> None:
    package = tmp_path / "broken" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('no such device')")
    spec = replace(a_spec(), env={"PYTHONPATH": str(tmp_path / "broken")})

    with pytest.raises(
        EngineDidNotLoad, match=r"RuntimeError: no such device \(exit status 1\)"
    ) as e:
        async with running_engine(spec, tmp_path / "engine.log"):
            pass

    assert "no such device" in e.value.tail
    assert (tmp_path / "engine.log").read_text().startswith("$ PYTHONPATH=")
