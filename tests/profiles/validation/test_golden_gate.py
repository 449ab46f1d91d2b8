"""The golden gate on the embedded fleet's checkpoints: whole ones, and each kind of damage.

docs/decisions/017-golden-gate.md has the results of an earlier run.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiles.cli import cli
from profiles.errors import EngineUnsuitable
from profiles.validation.thresholds import FOUR_BIT
from profiles.validation.validate import validate
from serve_app.settings.config_file import read_config
from serve_app.settings.cpu import cpu_flags, left_out
from tests.profiles.validation.corruptions import (
    Corruption,
    corrupted,
    round_to_nearest,
    shift_the_embedding_by_one_row,
    shuffle_one_layer,
)
from tests.profiles.validation.golden_pairs import (
    BF16,
    FLEET,
    W4A16,
    W8A8,
    a_validation,
    checkpoints,
    failed,
    silent,
)

RUNS_4_BITS = not left_out(read_config(FLEET).args.pairs, cpu_flags())


@pytest.fixture(scope="module")
def made() -> dict[str, Path]:
    return checkpoints()


@pytest.mark.vllm
async def test_the_embedded_8_bit_pair_passes(made: dict[str, Path], tmp_path: Path) -> None:
    verdict = await validate(a_validation(made[W8A8], "w8a8", tmp_path), progress=silent)

    assert verdict.passed, verdict


@pytest.mark.vllm
def test_the_embedded_4_bit_pair_passes_where_the_cpu_can_run_it(made: dict[str, Path]) -> None:
    command = ["validate", "smollm2-135m-w4a16", "--fleet", str(FLEET), "--no-record", "--json"]

    ended = CliRunner().invoke(cli, command)

    if RUNS_4_BITS:
        assert ended.exit_code == 0, ended.output
        assert json.loads(ended.stdout)["passed"] is True
    else:
        assert ended.exit_code == 2
        assert "need a CPU with AVX-512" in json.loads(ended.stdout)["error"]


@pytest.mark.vllm
@pytest.mark.parametrize(
    "corruption",
    [shuffle_one_layer, shift_the_embedding_by_one_row],
    ids=["a layer shuffled", "embedding shifted"],
)
async def test_damage_that_only_answers_show_is_found(
    made: dict[str, Path], tmp_path: Path, corruption: Corruption
) -> None:
    folder = corrupted(made[W8A8], tmp_path / "damaged", corruption)

    verdict = await validate(a_validation(folder, "w8a8", tmp_path), progress=silent)

    assert {"KL divergence", "perplexity", "same first choice"} <= failed(verdict)
    assert "files" not in failed(verdict)


@pytest.mark.vllm
async def test_round_to_nearest_passes_as_a_small_model_only(
    made: dict[str, Path], tmp_path: Path
) -> None:
    folder = corrupted(made[W4A16], tmp_path / "rtn", round_to_nearest(made[BF16]))
    asked = a_validation(folder, "w4a16", tmp_path)
    large = {"kl_nats_max": FOUR_BIT.kl_nats_max, "top1_agreement_min": FOUR_BIT.top1_agreement_min}

    if not RUNS_4_BITS:
        with pytest.raises(EngineUnsuitable, match="need a CPU with AVX-512"):
            await validate(asked, progress=silent)
        return

    verdict = await validate(replace(asked, thresholds=large), progress=silent)

    assert failed(verdict) == {"KL divergence", "same first choice"}


@pytest.mark.vllm
async def test_an_engine_argument_that_quantizes_nothing_is_found(
    made: dict[str, Path], tmp_path: Path
) -> None:
    argument = {"quantization": "int8_per_channel_weight_only"}

    asked = a_validation(made[BF16], "int8", tmp_path, engine=argument)
    verdict = await validate(asked, progress=silent)

    assert failed(verdict) == {"layers in memory", "differs from the parent"}
    assert "the engine reports that it quantized 0 layers" in verdict.failures[0].seen
    assert verdict.failures[1].seen.startswith("100% of ")
