"""Which pairs a CPU can run."""

from __future__ import annotations

from pathlib import Path

import pytest

from serve_app.core.profile import Quantization
from serve_app.settings.config_file import ConfigFileError, read_config, without_pairs
from serve_app.settings.cpu import cannot_run, cpu_flags, left_out
from tests.paths import SMOLLM2_FLEET

CONFIG = SMOLLM2_FLEET
OLD = frozenset({"sse4_2", "avx2"})
NEW = OLD | {"avx512f"}
FOUR_BITS = Quantization(name="w4a16", weight_bits=4, activations="bf16")
EIGHT_BITS = Quantization(name="w8a8", weight_bits=8, activations="int8")


def test_flags_are_read_from_the_first_cpu(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nflags\t\t: fpu avx2\n\nprocessor : 1\nflags : fpu avx2\n")
    assert cpu_flags(info) == {"fpu", "avx2"}


def test_an_unknown_cpu_has_no_flags_and_is_given_the_benefit_of_the_doubt(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "absent") == frozenset()
    assert cannot_run("CPU", FOUR_BITS, frozenset()) is None


@pytest.mark.parametrize(
    ("accelerator", "quantization", "flags", "runs"),
    [
        ("CPU", FOUR_BITS, NEW, True),
        ("CPU", FOUR_BITS, OLD, False),
        ("CPU", EIGHT_BITS, OLD, True),
        ("A10G", FOUR_BITS, OLD, True),
    ],
)
def test_only_4_bit_weights_on_an_old_cpu_are_refused(
    accelerator: str, quantization: Quantization, flags: frozenset[str], runs: bool
) -> None:
    reason = cannot_run(accelerator, quantization, flags)
    assert (reason is None) is runs
    assert reason is None or reason.startswith("4-bit weights need a CPU with AVX-512")


def test_a_fleet_runs_without_its_4_bit_pair_on_an_old_cpu() -> None:
    config = read_config(CONFIG)
    reasons = left_out(config.args.pairs, OLD)
    rest = without_pairs(config, reasons)
    assert set(reasons) == {"smollm2-135m-w4a16"}
    assert [pair.id for pair in rest.args.pairs] == ["smollm2-135m-bf16", "smollm2-135m-w8a8"]
    assert rest.raw["applications"][0]["args"] == rest.raw_args
    assert len(config.raw_args["pairs"]) == 3


def test_nothing_is_left_out_on_a_new_cpu() -> None:
    config = read_config(CONFIG)
    assert left_out(config.args.pairs, NEW) == {}
    assert without_pairs(config, {}) is config


def test_a_pair_that_the_rest_needs_cannot_be_left_out() -> None:
    with pytest.raises(ConfigFileError, match=r"without smollm2-135m-bf16: .*smollm2-135m-bf16"):
        without_pairs(read_config(CONFIG), ["smollm2-135m-bf16"])
