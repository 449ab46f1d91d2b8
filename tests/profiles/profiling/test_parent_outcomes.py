"""A quantized pair finds its parent's answers beside the parent's profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.errors import MeasurementUnusable
from profiles.evaluation import write_outcomes
from profiles.profiling.profile_file import outcomes_path, parent_outcomes, profile_path
from tests.profiles.samples import a_pair, a_spec, outcomes

CHILD = a_spec("tiny-w8a8", parent="tiny-bf16")


def kept_by_parent(folder: Path, *, items_digest: str) -> Path:
    """The child's profile path, once the parent has left its answers."""
    parent = profile_path(folder, a_pair("tiny-bf16"))
    write_outcomes(outcomes_path(parent), outcomes(1.0, 0.0), items_digest=items_digest)
    return profile_path(folder, CHILD.pair)


def test_answers_to_the_same_questions_are_the_parents(tmp_path: Path) -> None:
    path = kept_by_parent(tmp_path, items_digest="same")

    assert parent_outcomes(path, CHILD, items_digest="same") == outcomes(1.0, 0.0)


def test_answers_to_other_questions_are_not_compared(tmp_path: Path) -> None:
    path = kept_by_parent(tmp_path, items_digest="older")

    assert parent_outcomes(path, CHILD, items_digest="same") == ()


def test_a_parent_that_was_never_asked_has_no_answers(tmp_path: Path) -> None:
    path = profile_path(tmp_path, CHILD.pair)

    assert parent_outcomes(path, CHILD, items_digest="same") == ()
    assert parent_outcomes(path, a_spec("tiny-bf16"), items_digest="same") == ()


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = kept_by_parent(tmp_path, items_digest="same")
    outcomes_path(profile_path(tmp_path, a_pair("tiny-bf16"))).write_text("{half")

    with pytest.raises(MeasurementUnusable, match=r"outcomes\.jsonl: line 1.*profile 'tiny-bf16'"):
        parent_outcomes(path, CHILD, items_digest="same")


def test_a_dot_in_a_pairs_name_stays_in_the_name_of_its_answers(tmp_path: Path) -> None:
    path = profile_path(tmp_path, a_pair("qwen2.5-0.5b-bf16"))

    assert outcomes_path(path).name == "qwen2.5-0.5b-bf16@CPU.outcomes.jsonl"
