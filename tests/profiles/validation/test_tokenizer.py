"""A tokenizer is the parent's when it encodes and decodes as the parent's does."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from profiles.validation.checkpoint import read_checkpoint
from profiles.validation.tokenizer import sample_texts, tokenizer_facts
from tests.profiles.validation.folders import (
    BYTE_LEVEL,
    VOCABULARY,
    added_token,
    changed_tokenizer,
    write_checkpoint,
)


def differences(tmp_path: Path, **given: Any) -> tuple[str, ...]:
    """Of a tokenizer with something changed against the one all start from."""
    parent = tokenizer_facts(write_checkpoint(tmp_path / "parent"))
    own = tokenizer_facts(write_checkpoint(tmp_path / "own", **given))
    assert own is not None
    assert parent is not None
    return own.differences(parent)


def test_a_copy_differs_in_nothing(tmp_path: Path) -> None:
    assert differences(tmp_path) == ()


BPE = {"type": "BPE", "merges": ["a b"]}


@pytest.mark.parametrize(
    ("tokenizer", "difference"),
    [
        (
            changed_tokenizer(model={**BPE, "vocab": {**VOCABULARY, "ba": 5}}),
            "vocabulary ",
        ),
        (
            changed_tokenizer(model={**BPE, "vocab": VOCABULARY, "merges": ["b a"]}),
            '"The quick',
        ),
        (changed_tokenizer(normalizer={"type": "Lowercase"}), "'CamelCase"),
        (
            changed_tokenizer(pre_tokenizer={"type": "CharDelimiterSplit", "delimiter": "b"}),
            '"The quick',
        ),
        (
            changed_tokenizer(
                post_processor={
                    "type": "TemplateProcessing",
                    "single": [
                        {"SpecialToken": {"id": "<s>", "type_id": 0}},
                        {"Sequence": {"id": "A", "type_id": 0}},
                    ],
                    "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
                    "special_tokens": {"<s>": {"id": "<s>", "ids": [2], "tokens": ["<s>"]}},
                }
            ),
            '"The quick',
        ),
        (
            changed_tokenizer(
                decoder={"type": "Replace", "pattern": {"String": "a"}, "content": "-"}
            ),
            "ids give ",
        ),
    ],
    ids=["ids", "merges", "normalizer", "pre_tokenizer", "post_processor", "decoder"],
)
def test_a_tokenizer_that_reads_or_writes_otherwise_differs(
    tmp_path: Path, tokenizer: dict[str, object], difference: str
) -> None:
    (line,) = differences(tmp_path, tokenizer=tokenizer)

    assert line.startswith(difference), line


@pytest.mark.parametrize(
    "tokenizer",
    [
        changed_tokenizer(normalizer={"type": "NFC"}),
        changed_tokenizer(post_processor=BYTE_LEVEL),
    ],
    ids=["composes what is composed", "counts offsets only"],
)
def test_a_part_that_changes_no_text_is_no_difference(
    tmp_path: Path, tokenizer: dict[str, object]
) -> None:
    assert differences(tmp_path, tokenizer=tokenizer) == ()


def test_sample_texts_are_composed_unicode() -> None:
    assert len(sample_texts()) > 450
    assert all(unicodedata.is_normalized("NFC", text) for text in sample_texts())


def test_a_special_token_with_another_id_differs(tmp_path: Path) -> None:
    tokenizer = changed_tokenizer(
        model={**BPE, "vocab": {"a": 0, "b": 1, "ab": 2, "ba": 3}},
        added_tokens=[added_token(4, "<s>")],
    )

    found = differences(tmp_path, tokenizer=tokenizer)

    assert "special tokens eos_token <s>=4, the parent's eos_token <s>=2" in found


def test_a_tokenizer_that_the_library_refuses_is_a_problem_of_the_checkpoint(
    tmp_path: Path,
) -> None:
    model = {"type": "BPE", "vocab": {"a": 0}, "merges": ["a z"]}
    folder = write_checkpoint(tmp_path, tokenizer=changed_tokenizer(model=model))

    (problem,) = read_checkpoint(folder).problems

    assert problem.startswith("tokenizer.json cannot be used: ")


def test_another_end_of_text_in_the_configuration_differs(tmp_path: Path) -> None:
    assert differences(tmp_path, eos_token_id=1) == (
        "endings eos_token_id 1, the parent's eos_token_id 2",
    )


def test_a_chat_template_that_is_missing_differs(tmp_path: Path) -> None:
    (difference,) = differences(tmp_path, template="")

    assert difference.startswith("chat template none, the parent's ")


def test_merges_are_the_same_in_either_way_of_writing_them(tmp_path: Path) -> None:
    model = {"type": "BPE", "vocab": VOCABULARY, "merges": [["a", "b"]]}

    assert differences(tmp_path, tokenizer=changed_tokenizer(model=model)) == ()


def test_a_tokenizer_that_cannot_be_read_is_a_problem_of_the_checkpoint(tmp_path: Path) -> None:
    (write_checkpoint(tmp_path) / "tokenizer.json").write_text("[1, 2]")

    assert read_checkpoint(tmp_path).problems == (
        "tokenizer.json cannot be read: it holds no JSON object",
    )
