"""Profiles from tables of published figures: made-up tables, so that each rule shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from profiles.reference.__main__ import main
from profiles.reference.build import published_profile
from profiles.reference.pairs import PAIRS
from profiles.reference.tables import ACCURACY, SERVING, FiguresMissing, read_tables
from serve_app.core.profile import Profile
from serve_app.store.file_store import read_profiles

SERVING_HEADER = (
    "engine,engine_version,regime,concurrency,repeat,total_requests,failed_requests,"
    "throughput_tokens_per_sec,ttft_p50,ttft_p95,tpot_p50,tpot_p95,latency_p50,latency_p95,"
    "latency_p99,output_tokens_mean,cold_start_seconds"
)
ACCURACY_HEADER = (
    "model,params_b,quant,scheme,metric,baseline_bf16,value,recovery_pct,n,source,licence"
)
BENCHMARKS = ("mmlu", "ceval", "ifeval_strict_prompt")
LLAMA = "Meta-Llama-3-8B-Instruct"
LLAMA_MMLU = "bf16 (transformers, 16.00 bpw, 13.98 GB)"


def serving_row(engine: str, concurrency: int, ttft_s: float = 0.02) -> str:
    """A first token spread by half of its median, and a pace spread by a tenth."""
    times = f"{ttft_s},{1.5 * ttft_s},0.010,0.011,1.0,1.1,1.2"
    return f"{engine},v,short,{concurrency},1,100,0,{100 * concurrency},{times},128,90.0"


def accuracy_row(model: str, quantization: str, metric: str, value: float, n: str = "") -> str:
    return f'{model},7,"{quantization}",x,{metric},80.0,{value},{value / 0.8:g},{n},Somebody,CC0'


SERVING_ROWS = [
    serving_row(engine, concurrency)
    for engine in ("vllm_v2_a100", "vllm_v2_a100_marlin")
    for concurrency in (8, 1)
]
ACCURACY_ROWS = [
    *(accuracy_row("Qwen2-7B-Instruct", "BF16", metric, 80.0) for metric in BENCHMARKS),
    *(accuracy_row("Qwen2-7B-Instruct", "AWQ", metric, 76.0) for metric in BENCHMARKS),
    *(accuracy_row("Qwen2-72B-Instruct", "AWQ", metric, 90.0) for metric in BENCHMARKS),
    accuracy_row(LLAMA, LLAMA_MMLU, "mmlu", 64.0, n="5000"),
    accuracy_row(LLAMA, "none", "gsm8k_strict", 72.0, n="300"),
]


@dataclass(frozen=True)
class Data:
    """A folder with both tables."""

    folder: Path

    def write(self, serving: list[str], accuracy: list[str]) -> None:
        (self.folder / SERVING).write_text("\n".join([SERVING_HEADER, *serving]) + "\n")
        (self.folder / ACCURACY).write_text("\n".join([ACCURACY_HEADER, *accuracy]) + "\n")

    def profile(self, pair: str) -> Profile:
        (wanted,) = (known for known in PAIRS if known.id == pair)
        return published_profile(
            wanted, read_tables(self.folder), command="test", date="2026-01-01"
        )


@pytest.fixture
def data(tmp_path: Path) -> Data:
    data = Data(tmp_path)
    data.write(SERVING_ROWS, ACCURACY_ROWS)
    return data


def test_times_of_the_table_become_milliseconds_by_rising_concurrency(data: Data) -> None:
    latency = data.profile("qwen2.5-7b-fp16").latency

    assert latency.concurrency == (1, 8)
    assert [row[0] for row in latency.ttft_ms.p50] == pytest.approx([20, 20])
    assert [row[0] for row in latency.ttft_ms.p95] == pytest.approx([30, 30])
    assert [row[0] for row in latency.tpot_ms.p95] == pytest.approx([11, 11])


def test_a_p99_lies_beyond_p95_as_in_a_normal_distribution(data: Data) -> None:
    profile = data.profile("qwen2.5-7b-fp16")

    # 10 ms from p50 to p95 make 14.14 ms to p99.
    assert profile.latency.ttft_ms.p99[0][0] == pytest.approx(34.14, abs=0.01)
    assert "derived" in profile.provenance.sources["latency.ttft_ms.p99[0][0]"]


def test_longer_prompts_wait_for_the_prefill_of_all_requests_at_the_replica(data: Data) -> None:
    latency = data.profile("qwen2.5-7b-fp16").latency

    alone, crowded = (row[1] - row[0] for row in latency.ttft_ms.p50)
    # The published runs of 2,048 tokens at 84.28 and 80.70 tokens a second, 1.078 s apart.
    assert alone == pytest.approx(1078, abs=1)
    assert crowded == pytest.approx(8 * alone)


def test_a_spread_nobody_published_is_the_widest_that_somebody_did(data: Data) -> None:
    profile = data.profile("llama-3-8b-fp16")

    assert profile.latency.ttft_ms.p50[0][0] == 137.0
    assert profile.latency.ttft_ms.p95[0][0] == pytest.approx(1.5 * 137.0)
    assert profile.latency.tpot_ms.p95[0][0] == pytest.approx(1.1 * 30.7)
    assert profile.provenance.sources["latency.ttft_ms.p95[0][0]"].startswith("derived")


def test_a_pair_timed_one_request_at_a_time_counts_on_no_more(data: Data) -> None:
    assert data.profile("qwen2.5-72b-awq").max_concurrency == 1


def test_accuracy_is_bounded_by_the_number_of_items_that_was_published(data: Data) -> None:
    accuracy = data.profile("llama-3-8b-fp16").accuracy

    assert accuracy["overall"].items == 5000
    assert accuracy["reasoning"].items == 300
    assert 0.64 - accuracy["overall"].lower < 0.72 - accuracy["reasoning"].lower


def test_where_no_number_of_items_was_published_the_smallest_stated_one_is_taken(
    data: Data,
) -> None:
    profile = data.profile("qwen2.5-7b-fp16")

    assert profile.accuracy["overall"].items == 300
    assert "n not published: 300" in profile.provenance.sources["benchmarks.mmlu"]


def test_a_stand_in_model_is_named_as_one(data: Data) -> None:
    sources = data.profile("qwen2.5-7b-awq").provenance.sources

    assert "Qwen2-7B-Instruct as AWQ" in sources["benchmarks.mmlu"]
    assert "of the model before" in sources["benchmarks.mmlu"]


def test_a_quantization_knows_its_parent_and_what_it_keeps_of_it(data: Data) -> None:
    profile = data.profile("qwen2.5-7b-awq")

    assert (profile.parent, profile.relative_accuracy) == ("qwen2.5-7b-fp16", pytest.approx(0.95))


def test_the_derived_size_of_an_awq_checkpoint_is_that_of_the_real_one(data: Data) -> None:
    # Qwen2.5-7B-Instruct-AWQ has 5.57 GB of weights at its hub.
    weights_bytes = data.profile("qwen2.5-7b-awq").memory.weights_bytes

    assert weights_bytes == pytest.approx(5.57e9, rel=0.01)


@pytest.mark.parametrize(
    ("serving", "accuracy", "problem"),
    [
        pytest.param(
            SERVING_ROWS[:2],
            ACCURACY_ROWS,
            f"{SERVING}: has no rows of engine 'vllm_v2_a100_marlin'",
            id="an engine is not there",
        ),
        pytest.param(
            SERVING_ROWS,
            ACCURACY_ROWS[1:],
            f"{ACCURACY}: has no mmlu of Qwen2-7B-Instruct as 'BF16'",
            id="a score is not there",
        ),
        pytest.param(
            [SERVING_ROWS[0].replace("0.010", "fast")],
            ACCURACY_ROWS,
            f"{SERVING}: line 2 cannot be read: could not convert string to float: 'fast'",
            id="a time is no number",
        ),
        pytest.param(
            SERVING_ROWS,
            [row.replace(",5000,", ",,").replace(",300,", ",,") for row in ACCURACY_ROWS],
            f"{ACCURACY}: no row states its number of items",
            id="nobody says how many items",
        ),
    ],
)
def test_a_missing_figure_is_named_with_its_file(
    data: Data, serving: list[str], accuracy: list[str], problem: str
) -> None:
    data.write(serving, accuracy)

    with pytest.raises(FiguresMissing) as missing:
        [data.profile(pair.id) for pair in PAIRS]

    assert problem in str(missing.value)


def ran(*arguments: str) -> tuple[int, str]:
    app = Typer()
    app.command()(main)
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output or str(result.exception)


def test_the_command_writes_profiles_that_a_store_can_read(data: Data, tmp_path: Path) -> None:
    out = tmp_path / "out"

    code, printed = ran("--data", str(data.folder), "--out", str(out))

    assert code == 0
    assert "qwen2.5-7b-instruct/qwen2.5-7b-awq@A100-40G.json" in printed
    assert {profile.pair for profile in read_profiles(out)} == {pair.id for pair in PAIRS}


def test_the_command_says_where_it_looked_for_the_tables(tmp_path: Path) -> None:
    code, printed = ran("--data", str(tmp_path), "--out", str(tmp_path / "out"))

    assert code == 1
    assert f"{tmp_path / SERVING}: cannot be read" in printed
    assert not (tmp_path / "out").exists()
