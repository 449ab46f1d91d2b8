"""What the engine must show of the weights that it has loaded."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.validation.claims import UNQUANTIZED_BITS, Claim
from profiles.validation.divergence import Divergence
from profiles.validation.hints import WRONG_NAME
from profiles.validation.thresholds import Thresholds
from profiles.validation.verdict import Check, Evidence, check, listed
from profiles.validation.vllm_log import LoadedFacts


def engine_checks(
    candidate: Evidence, claim: Claim | None, divergence: Divergence | None, allowed: Thresholds
) -> Iterator[Check]:
    if claim is None:
        return
    if candidate.loaded is not None and candidate.loaded.quantized_share is not None:
        share = candidate.loaded.quantized_share
        yield _layers_in_memory(candidate.loaded, share, claim, allowed)
    loaded_bytes, facts = candidate.weights_loaded_bytes, candidate.facts
    if loaded_bytes is not None and facts.layers:
        # The linear layers' part of what was loaded: the rest stays as wide as it is on disk.
        weights = sum(layer.weights for layer in facts.layers)
        bits = (loaded_bytes - facts.other_bytes) * 8 / weights
        highest = min(claim.weight_bits, UNQUANTIZED_BITS) * allowed.bits_over_claim_max
        yield check(
            "bits in memory",
            passed=bits <= highest,
            seen=f"{bits:.2f} bits per weight of the linear layers ({loaded_bytes:,} bytes in all)",
            allowed=f"at most {highest:.2f} for {claim.name}",
        )
    if divergence is not None and claim.quantized:
        yield check(
            "differs from the parent",
            passed=divergence.identical_share <= allowed.identical_share_max,
            seen=f"{divergence.identical_share:.0%} of {divergence.places} log-probabilities equal "
            f"the parent's to the last digit",
            allowed=f"at most {allowed.identical_share_max:.0%} for {claim.name}",
        )


def _layers_in_memory(
    loaded: LoadedFacts, share: float, claim: Claim, allowed: Thresholds
) -> Check:
    schemes = listed(loaded.schemes)
    if not claim.quantized:
        return check(
            "layers in memory",
            passed=share == 0,
            seen=f"{share:.0%} of the linear weights quantized, as {schemes}"
            if share
            else "none quantized",
            allowed=f"none quantized, as {claim.name} claims",
            hint=WRONG_NAME,
        )
    # Experts hold most weights of such a model; attention may well be left as it is.
    unquantized = tuple(layer.name for layer in loaded.experts if layer.scheme is None)
    seen = f"{share:.0%} of the linear weights" + (f" as {schemes}" if share else "")
    if loaded.quantized_on_load is not None:
        seen += f"; the engine reports that it quantized {loaded.quantized_on_load} layers"
    if unquantized:
        seen += f"; experts not: {listed(unquantized)}"
    return check(
        "layers in memory",
        passed=not unquantized if loaded.experts else share >= allowed.quantized_share_min,
        seen=seen,
        allowed=f"at least {allowed.quantized_share_min:.0%} quantized, as {claim.name} claims",
    )
