"""What a checkpoint's files must show before an engine is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.validation.checkpoint import read_checkpoint
from profiles.validation.tensors import BadValues
from profiles.validation.verdict import Evidence
from profiles.validation.vllm_log import LoadedFacts, LoadedLayer
from tests.profiles.validation.evidence import evidence, some_facts, with_facts
from tests.profiles.validation.folders import (
    added_token,
    changed_tokenizer,
    facts,
    write_checkpoint,
)
from tests.profiles.validation.gate_verdicts import NEAR, PARENT, failed, judged, the_failure


def test_files_that_are_cut_off_are_all_that_is_judged() -> None:
    verdict = judged(with_facts(evidence(), problems=("a.safetensors: cut off",)))

    assert [check.name for check in verdict.checks] == ["files"]
    assert "no engine was started" in verdict.note


@pytest.mark.parametrize(
    ("claims", "bits", "fails"),
    [
        ("w8a8", 16.0, True),
        ("w8a8", 8.5, False),
        ("w8a8", 4.3, True),
        ("w4a16", 4.6, False),
        ("w4a16", 8.1, True),
        ("bf16", 8.1, True),
        ("bf16", 32.0, False),
    ],
)
def test_bits_on_disk_must_be_those_claimed(claims: str, bits: float, *, fails: bool) -> None:
    assert ("bits on disk" in failed(judged(evidence(bits=bits), claims=claims))) is fails


def test_weights_that_the_engine_is_to_quantize_are_judged_in_memory_only() -> None:
    on_load = replace(evidence(NEAR), quantizes_on_load=True)
    share = LoadedLayer(name="o_proj", times=30, weights=100, scheme="Fp8LinearMethod")

    verdict = judged(replace(on_load, loaded=LoadedFacts(layers=(share,))), PARENT, claims="fp8")

    assert failed(verdict) == []
    assert "bits on disk" not in {check.name for check in verdict.checks}


def test_weights_that_are_no_numbers_are_named() -> None:
    values = BadValues(nonfinite=("layers.1.weight_scale",), zero=("layers.2.weight",))

    failure = the_failure(judged(with_facts(evidence(bits=8), values=values)))

    assert "NaN or infinity in layers.1.weight_scale" in failure.seen
    assert "nothing but zeros in layers.2.weight" in failure.seen


def test_a_tokenizer_that_is_not_the_parents_fails_before_any_engine(tmp_path: Path) -> None:
    parent = Evidence(facts=facts(tmp_path / "parent"))
    other = facts(tmp_path / "own", tokenizer=changed_tokenizer(normalizer={"type": "Lowercase"}))

    failure = the_failure(judged(Evidence(facts=other), parent, claims="bf16"))

    assert failure.name == "tokenizer"
    assert failure.seen.startswith("'CamelCase")


@pytest.mark.parametrize(
    ("own", "parents", "seen"),
    [
        ("none", "temperature 0.2, top_p 0.9", "none; the parent's temperature 0.2, top_p 0.9"),
        ("temperature 1.0", "temperature 0.2", "temperature 1.0; the parent's temperature 0.2"),
    ],
)
def test_generation_settings_that_are_not_the_parents_fail(
    own: str, parents: str, seen: str
) -> None:
    parent = with_facts(evidence(), generation=parents)

    failure = the_failure(judged(with_facts(evidence(), generation=own), parent, claims="bf16"))

    assert (failure.name, failure.seen) == ("generation settings", seen)


def test_generation_settings_are_read_from_the_checkpoint(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "generation_config.json").write_text(
        '{"temperature": 0.7, "top_k": 20, "eos_token_id": 2, "use_cache": true}'
    )

    assert read_checkpoint(folder).generation == "temperature 0.7, top_k 20"


def test_more_tokens_than_rows_of_the_embedding_fail(tmp_path: Path) -> None:
    vocabulary = {str(token): token for token in range(20)}
    own = facts(
        tmp_path,
        tokenizer=changed_tokenizer(
            model={"type": "BPE", "vocab": {**vocabulary, "<s>": 20}, "merges": []},
            added_tokens=[added_token(20, "<s>")],
        ),
    )

    failure = the_failure(judged(Evidence(facts=own), claims="bf16"))

    assert failure.seen == "21 tokens for 16 rows of the embedding"


def test_the_wrong_parent_is_recognized(tmp_path: Path) -> None:
    parent = Evidence(facts=facts(tmp_path / "parent", num_hidden_layers=24))
    own = Evidence(facts=facts(tmp_path / "own", num_hidden_layers=30))

    assert the_failure(judged(own, parent, claims="bf16")).seen == (
        "num_hidden_layers 30, the parent's 24"
    )


def test_few_layers_quantized_fail() -> None:
    half = some_facts(bits=8.0)
    kept = replace(half.layers[0], name="kept", quantized=False)
    half = replace(half, layers=(*half.layers, kept))

    failure = the_failure(judged(Evidence(facts=half)))

    assert failure.seen == "50% of the linear layers' weights; not kept"
