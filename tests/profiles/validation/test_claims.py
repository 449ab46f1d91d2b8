"""Names of quantizations, and the thresholds that go with their bits."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from profiles.validation.claims import UnknownClaim, claim_named
from profiles.validation.thresholds import (
    EIGHT_BIT,
    FOUR_BIT,
    SMALL_EIGHT_BIT,
    SMALL_FOUR_BIT,
    UNQUANTIZED,
    Thresholds,
    ThresholdsInvalid,
    default_thresholds,
    read_changes,
)

LARGE, SMALL = 8_000_000_000, 135_000_000


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


@pytest.mark.parametrize(
    ("claims", "weights", "allowed"),
    [
        ("bf16", SMALL, UNQUANTIZED),
        ("fp8", LARGE, EIGHT_BIT),
        ("fp8", SMALL, SMALL_EIGHT_BIT),
        ("awq", LARGE, FOUR_BIT),
        ("awq", SMALL, SMALL_FOUR_BIT),
        ("q6_k", LARGE, EIGHT_BIT),
    ],
)
def test_defaults_go_by_bits_and_size(claims: str, weights: int, allowed: Thresholds) -> None:
    assert default_thresholds(claim_named(claims), weights=weights) == allowed


@pytest.mark.parametrize(
    ("strict", "lenient"),
    [
        (UNQUANTIZED, EIGHT_BIT),
        (EIGHT_BIT, FOUR_BIT),
        (EIGHT_BIT, SMALL_EIGHT_BIT),
        (FOUR_BIT, SMALL_FOUR_BIT),
        (SMALL_EIGHT_BIT, SMALL_FOUR_BIT),
    ],
)
def test_fewer_bits_and_fewer_weights_are_allowed_more(
    strict: Thresholds, lenient: Thresholds
) -> None:
    for threshold in fields(Thresholds):
        one, other = getattr(strict, threshold.name), getattr(lenient, threshold.name)
        assert one >= other if threshold.name.endswith("_min") else one <= other


def test_a_checkpoint_that_claims_nothing_is_judged_as_eight_bits() -> None:
    assert default_thresholds(None, weights=LARGE) == EIGHT_BIT


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("kl_nats_max: 0.5\n")

    assert read_changes(file) == {"kl_nats_max": 0.5}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kl_max: 1", "kl_max: got 1; unknown field"),
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
        read_changes(file)

    assert told in str(refused.value)
