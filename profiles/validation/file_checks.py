"""What a checkpoint's own files must show before an engine is started."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.validation.checkpoint import CheckpointFacts
from profiles.validation.claims import UNQUANTIZED_BITS, Claim
from profiles.validation.thresholds import Thresholds
from profiles.validation.tokenizer import TokenizerFacts
from profiles.validation.verdict import Check, Evidence, check, listed

DIFFERENCES_TOLD = 4


def file_checks(
    candidate: Evidence, parent: Evidence | None, claim: Claim | None, allowed: Thresholds
) -> Iterator[Check]:
    facts = candidate.facts
    yield check(
        "files",
        passed=not facts.problems,
        seen=listed(facts.problems) or "all there, as long as their headers promise",
        allowed="every file whole and readable",
    )
    if facts.problems:
        return
    wrong = (
        (facts.values.nonfinite, "NaN or infinity in"),
        (facts.values.zero, "nothing but zeros in"),
    )
    spoilt = [f"{what} {listed(names)}" for names, what in wrong if names]
    yield check(
        "weight values",
        passed=not spoilt,
        seen="; ".join(spoilt) or "every weight and scale finite, none all zero",
        allowed="no NaN, no infinity, no weight or scale that is all zero",
    )
    if claim is not None and not candidate.quantizes_on_load:
        yield from _against_claim(facts, claim, allowed)
    if parent is not None:
        # Only what both write down: versions of the library name some fields differently.
        differing = tuple(
            f"{name} {facts.shape[name]}, the parent's {parent.facts.shape[name]}"
            for name in sorted(facts.shape.keys() & parent.facts.shape.keys())
            if facts.shape[name] != parent.facts.shape[name]
        )
        yield check(
            "architecture",
            passed=not differing,
            seen=listed(differing, most=DIFFERENCES_TOLD) or "the parent's",
            allowed="the same as the parent's",
        )
        own, theirs = facts.generation, parent.facts.generation
        yield check(
            "generation settings",
            passed=own == theirs,
            seen=own if own == theirs else f"{own}; the parent's {theirs}",
            allowed="the parent's",
        )
    if facts.tokenizer is not None:
        parents = parent.facts.tokenizer if parent else None
        yield from _tokenizer_checks(facts.tokenizer, parents, facts.embedding_rows)


def _against_claim(facts: CheckpointFacts, claim: Claim, allowed: Thresholds) -> Iterator[Check]:
    lowest = claim.weight_bits * allowed.bits_over_claim_min
    # An unquantized checkpoint may well be in FP32: the engine rounds it.
    highest = 2 * UNQUANTIZED_BITS
    if claim.quantized:
        highest = claim.weight_bits * allowed.bits_over_claim_max
    bits = facts.bits_per_weight
    yield check(
        "bits on disk",
        passed=lowest <= bits <= highest,
        seen=f"{bits:.2f} bits per weight of the linear layers, with scales",
        allowed=f"{lowest:.2f} to {highest:.2f} for {claim.name}",
    )
    if not claim.quantized:
        return
    kept = facts.unquantized
    seen = f"{facts.quantized_share:.0%} of the linear layers' weights"
    yield check(
        "layers on disk",
        passed=facts.quantized_share >= allowed.quantized_share_min,
        seen=f"{seen}; not {listed(kept)}" if kept else f"{seen}, {len(facts.layers)} layers",
        allowed=f"at least {allowed.quantized_share_min:.0%} quantized",
    )


def _tokenizer_checks(
    own: TokenizerFacts, parent: TokenizerFacts | None, embedding_rows: int | None
) -> Iterator[Check]:
    if embedding_rows is not None and own.entries > embedding_rows:
        yield check(
            "vocabulary",
            passed=False,
            seen=f"{own.entries} tokens for {embedding_rows} rows of the embedding",
            allowed="no more tokens than rows",
        )
    if parent is not None:
        differing = own.differences(parent)
        yield check(
            "tokenizer",
            passed=not differing,
            seen=listed(differing, most=DIFFERENCES_TOLD)
            or f"the parent's on {len(own.encodings)} texts and every token",
            allowed="the parent's tokens, special tokens and chat template",
        )
