"""A tokenizer is the parent's only when all its parts are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from profiles.validation.checkpoint import read_checkpoint
from profiles.validation.tokenizer import tokenizer_facts
from tests.profiles.validation.folders import changed_tokenizer, write_checkpoint


def differences(tmp_path: Path, **given: Any) -> tuple[str, ...]:
    """Of a tokenizer with something changed against the one all start from."""
    parent = tokenizer_facts(write_checkpoint(tmp_path / "parent"))
    own = tokenizer_facts(write_checkpoint(tmp_path / "own", **given))
    assert own is not None
    assert parent is not None
    return own.differences(parent)


def test_a_copy_differs_in_nothing(tmp_path: Path) -> None:
    assert differences(tmp_path) == ()


@pytest.mark.parametrize(
    ("tokenizer", "part"),
    [
        (
            changed_tokenizer(model={"vocab": {"a": 1, "b": 0, "<s>": 2}, "merges": ["a b"]}),
            "vocabulary",
        ),
        (
            changed_tokenizer(model={"vocab": {"a": 0, "b": 1, "<s>": 2}, "merges": ["b a"]}),
            "merges",
        ),
        (changed_tokenizer(normalizer={"type": "Lowercase"}), "normalizer"),
        (changed_tokenizer(pre_tokenizer={"type": "Whitespace"}), "pre tokenizer"),
        (changed_tokenizer(post_processor={"type": "ByteLevel"}), "post processor"),
    ],
    ids=["vocabulary", "merges", "normalizer", "pre_tokenizer", "post_processor"],
)
def test_each_part_that_differs_is_named(
    tmp_path: Path, tokenizer: dict[str, object], part: str
) -> None:
    (difference,) = differences(tmp_path, tokenizer=tokenizer)

    assert difference.startswith(f"{part} ")


def test_a_special_token_with_another_id_differs(tmp_path: Path) -> None:
    tokenizer = changed_tokenizer(added_tokens=[{"id": 9, "content": "<s>", "special": True}])

    told = differences(tmp_path, tokenizer=tokenizer)

    assert "special tokens eos_token <s>=9, the parent's eos_token <s>=2" in told


def test_another_end_of_text_in_the_configuration_differs(tmp_path: Path) -> None:
    assert differences(tmp_path, eos_token_id=1) == (
        "endings eos_token_id 1, the parent's eos_token_id 2",
    )


def test_a_chat_template_that_is_missing_differs(tmp_path: Path) -> None:
    (difference,) = differences(tmp_path, template="")

    assert difference.startswith("chat template none, the parent's ")


def test_merges_are_the_same_in_either_way_of_writing_them(tmp_path: Path) -> None:
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "<s>": 2}, "merges": [["a", "b"]]}

    assert differences(tmp_path, tokenizer=changed_tokenizer(model=model)) == ()


def test_a_tokenizer_that_cannot_be_read_is_a_problem_of_the_checkpoint(tmp_path: Path) -> None:
    (write_checkpoint(tmp_path) / "tokenizer.json").write_text("[1, 2]")

    assert read_checkpoint(tmp_path).problems == (
        "tokenizer.json cannot be read: it holds no JSON object",
    )
