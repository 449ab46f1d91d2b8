"""What the engine must show of the weights that it has loaded."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.validation.claims import UNQUANTIZED_BITS, Claim
from profiles.validation.divergence import Divergence
from profiles.validation.thresholds import Thresholds
from profiles.validation.verdict import Check, Evidence, check, listed
from profiles.validation.vllm_log import LoadedFacts

NOT_QUANTIZED = (
    "the engine took its `quantization` argument and quantized nothing: on dense models some of "
    "its methods apply to experts only"
)
SERVE_ANOTHER = (
    "make a quantized checkpoint (compressed-tensors, AWQ, GPTQ) and serve that, without the "
    "argument"
)


def engine_checks(
    candidate: Evidence, claim: Claim | None, divergence: Divergence | None, allowed: Thresholds
) -> Iterator[Check]:
    if claim is None:
        return
    if candidate.loaded is not None:
        yield from _layers_in_memory(candidate.loaded, claim, allowed)
    if candidate.weights_loaded_bytes is not None and candidate.facts.layers:
        yield _bits_in_memory(candidate, candidate.weights_loaded_bytes, claim, allowed)
    if divergence is not None and claim.quantized:
        yield _other_than_parent(divergence, claim, allowed)


def _layers_in_memory(loaded: LoadedFacts, claim: Claim, allowed: Thresholds) -> Iterator[Check]:
    share = loaded.quantized_share
    if share is None:
        return
    if not claim.quantized:
        yield check(
            name="layers in memory",
            passed=share == 0,
            seen=f"{share:.0%} of the linear weights quantized, as {listed(loaded.schemes)}"
            if share
            else "none quantized",
            allowed=f"none quantized, as {claim.name} claims",
            cause="a quantized checkpoint, or a `quantization` argument, under an unquantized name",
            remedy="claim what it is, or serve the unquantized checkpoint",
        )
        return
    # Experts hold most weights of such a model; attention may well be left as it is.
    unquantized = tuple(layer.name for layer in loaded.experts if layer.scheme is None)
    seen = f"{share:.0%} of the linear weights" + (f" as {listed(loaded.schemes)}" if share else "")
    if loaded.quantized_on_load is not None:
        seen += f"; the engine reports that it quantized {loaded.quantized_on_load} layers"
    if unquantized:
        seen += f"; experts not: {listed(unquantized)}"
    yield check(
        name="layers in memory",
        passed=not unquantized if loaded.experts else share >= allowed.quantized_share_min,
        seen=seen,
        allowed=f"at least {allowed.quantized_share_min:.0%} quantized, as {claim.name} claims",
        cause=NOT_QUANTIZED,
        remedy=SERVE_ANOTHER,
    )


def _bits_in_memory(
    evidence: Evidence, loaded_bytes: int, claim: Claim, allowed: Thresholds
) -> Check:
    """The linear layers' part of what was loaded: the rest stays as wide as it is on disk."""
    weights = sum(layer.weights for layer in evidence.facts.layers)
    bits = (loaded_bytes - evidence.facts.other_bytes) * 8 / weights
    highest = min(claim.weight_bits, UNQUANTIZED_BITS) * allowed.bits_over_claim_max
    return check(
        name="bits in memory",
        passed=bits <= highest,
        seen=f"{bits:.2f} bits per weight of the linear layers ({loaded_bytes:,} bytes in all)",
        allowed=f"at most {highest:.2f} for {claim.name}",
        cause="weights that the engine widens on loading, or has not quantized at all",
        remedy="choose a format that this engine multiplies as it is on this hardware",
    )


def _other_than_parent(divergence: Divergence, claim: Claim, allowed: Thresholds) -> Check:
    share = divergence.identical_share
    return check(
        name="differs from the parent",
        passed=share <= allowed.identical_share_max,
        seen=f"{share:.0%} of {divergence.places} log-probabilities equal the parent's to the "
        f"last digit",
        allowed=f"at most {allowed.identical_share_max:.0%} for {claim.name}",
        cause=f"it serves the parent's own weights: {NOT_QUANTIZED}",
        remedy=SERVE_ANOTHER,
    )
