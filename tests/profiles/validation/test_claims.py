"""Names of quantizations, and the thresholds that go with their bits."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.validation.claims import UnknownClaim, claim_named
from profiles.validation.thresholds import (
    EIGHT_BIT,
    FOUR_BIT,
    UNQUANTIZED,
    ThresholdsInvalid,
    default_thresholds,
    read_thresholds,
)


@pytest.mark.parametrize(
    ("name", "bits", "activations"),
    [
        ("w8a8", 8, "int8"),
        ("W4A16", 4, "bf16"),
        ("w3a16", 3, "bf16"),
        ("bf16", 16, "bf16"),
        ("fp8", 8, "fp8"),
        ("awq", 4, "fp16"),
        ("Q4_K_M", 4.85, "fp16"),
    ],
)
def test_a_claim_has_bits_and_activations(name: str, bits: float, activations: str) -> None:
    claim = claim_named(name)

    assert (claim.weight_bits, claim.activations) == (bits, activations)


@pytest.mark.parametrize("name", ["", "w8", "w0a16", "w44a16", "int5"])
def test_an_unknown_claim_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(UnknownClaim, match="allowed: bf16, fp16, fp8"):
        claim_named(name)


def test_fewer_bits_are_allowed_more() -> None:
    sixteen, eight, four = (default_thresholds(claim_named(n)) for n in ("bf16", "fp8", "awq"))

    assert (sixteen, eight, four) == (UNQUANTIZED, EIGHT_BIT, FOUR_BIT)
    assert sixteen.kl_nats_max < eight.kl_nats_max < four.kl_nats_max
    assert sixteen.top1_agreement_min > eight.top1_agreement_min > four.top1_agreement_min


def test_a_checkpoint_that_claims_nothing_is_judged_as_eight_bits() -> None:
    assert default_thresholds(None) == EIGHT_BIT


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("kl_nats_max: 0.5\n")

    changed = read_thresholds(file, FOUR_BIT)

    assert changed.kl_nats_max == 0.5
    assert changed.mean_shift_nats_max == FOUR_BIT.mean_shift_nats_max


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kl_max: 1", "kl_max: got 1; there is no such field"),
        ("top1_agreement_min: 90", "top1_agreement_min: got 90; it should be less than"),
        ("kl_nats_max: .nan", "kl_nats_max: got nan"),
        ("- 1", "should map names of thresholds to numbers"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_file_of_thresholds_is_refused_with_the_field(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(text)

    with pytest.raises(ThresholdsInvalid) as refused:
        read_thresholds(file, EIGHT_BIT)

    assert told in str(refused.value)
