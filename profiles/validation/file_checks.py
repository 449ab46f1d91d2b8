"""What a checkpoint's own files must show before an engine is started."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.validation.checkpoint import CheckpointFacts
from profiles.validation.claims import UNQUANTIZED_BITS, Claim
from profiles.validation.thresholds import Thresholds
from profiles.validation.verdict import Check, Evidence, check, listed

DIFFERENCES_TOLD = 4


def file_checks(
    candidate: Evidence, parent: Evidence | None, claim: Claim | None, allowed: Thresholds
) -> Iterator[Check]:
    facts = candidate.facts
    yield _files(facts)
    if facts.problems:
        return
    yield _values(facts)
    if claim is not None and not candidate.quantizes_on_load:
        yield _bits_on_disk(facts, claim, allowed)
        if claim.quantized:
            yield _layers_on_disk(facts, allowed)
    if parent is not None:
        yield _architecture(facts, parent.facts)
    yield from _tokenizer(facts, parent.facts if parent else None)


def _files(facts: CheckpointFacts) -> Check:
    return check(
        name="files",
        passed=not facts.problems,
        seen=listed(facts.problems) or "all there, as long as their headers promise",
        allowed="every file whole and readable",
        cause="a download or a copy that was cut off, a full disk, or a shard left behind",
        remedy="fetch or build the checkpoint again, and compare its digests",
    )


def _values(facts: CheckpointFacts) -> Check:
    values = facts.values
    seen = [
        f"{what} {listed(names)}"
        for names, what in (
            (values.nonfinite, "NaN or infinity in"),
            (values.zero, "nothing but zeros in"),
        )
        if names
    ]
    return check(
        name="weight values",
        passed=not seen,
        seen="; ".join(seen) or "every weight and scale finite, none all zero",
        allowed="no NaN, no infinity, no weight or scale that is all zero",
        cause="an overflow while quantizing in FP16, a layer that calibration data never reached, "
        "or a file overwritten in part",
        remedy="quantize again in BF16 or FP32, with calibration data that reaches every layer",
    )


def _bits_on_disk(facts: CheckpointFacts, claim: Claim, allowed: Thresholds) -> Check:
    lowest = claim.weight_bits * allowed.bits_over_claim_min
    highest = claim.weight_bits * allowed.bits_over_claim_max
    # An unquantized checkpoint may well be in FP32: the engine rounds it.
    if not claim.quantized:
        highest = 2 * UNQUANTIZED_BITS
    bits = facts.bits_per_weight
    return check(
        name="bits on disk",
        passed=lowest <= bits <= highest,
        seen=f"{bits:.2f} bits per weight of the linear layers, with scales",
        allowed=f"{lowest:.2f} to {highest:.2f} for {claim.name}",
        cause="another checkpoint than claimed, or a quantization that was never saved compressed",
        remedy="point the pair at the quantized folder, or claim what it is",
    )


def _layers_on_disk(facts: CheckpointFacts, allowed: Thresholds) -> Check:
    kept = facts.unquantized
    seen = f"{facts.quantized_share:.0%} of the linear layers' weights"
    return check(
        name="layers on disk",
        passed=facts.quantized_share >= allowed.quantized_share_min,
        seen=f"{seen}; not {listed(kept)}" if kept else f"{seen}, {len(facts.layers)} layers",
        allowed=f"at least {allowed.quantized_share_min:.0%} quantized",
        cause="an ignore list that names too many layers, or targets that match too few",
        remedy="compare the recipe's `ignore` and `targets` with the model's layer names",
    )


def _architecture(facts: CheckpointFacts, parent: CheckpointFacts) -> Check:
    # Only what both write down: versions of the library name some fields differently.
    differing = tuple(
        f"{name} {facts.shape[name]}, the parent's {parent.shape[name]}"
        for name in facts.shape.keys() & parent.shape.keys()
        if facts.shape[name] != parent.shape[name]
    )
    return check(
        name="architecture",
        passed=not differing,
        seen=listed(tuple(sorted(differing)), most=DIFFERENCES_TOLD) or "the parent's",
        allowed="the same as the parent's",
        cause="the wrong parent, or a config.json taken from another model",
        remedy="name the checkpoint that this one was quantized from, and keep its config.json",
    )


def _tokenizer(facts: CheckpointFacts, parent: CheckpointFacts | None) -> Iterator[Check]:
    own = facts.tokenizer
    if own is None:
        return
    rows = facts.embedding_rows
    if rows is not None and own.entries > rows:
        yield check(
            name="vocabulary",
            passed=False,
            seen=f"{own.entries} tokens for {rows} rows of the embedding",
            allowed="no more tokens than rows",
            cause="a tokenizer with tokens added that the model was never given",
            remedy="take the tokenizer of the parent",
        )
    if parent is None or parent.tokenizer is None:
        return
    differing = own.differences(parent.tokenizer)
    yield check(
        name="tokenizer",
        passed=not differing,
        seen=listed(differing, most=DIFFERENCES_TOLD) or "the parent's in every part",
        allowed="vocabulary, special tokens, normalizer and chat template of the parent",
        cause="a tokenizer saved by another version or taken from another model, or a chat "
        "template edited by hand",
        remedy="copy tokenizer.json, tokenizer_config.json, generation_config.json and "
        "chat_template.jinja from the parent",
    )
