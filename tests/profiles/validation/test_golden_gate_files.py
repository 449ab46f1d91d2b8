"""The golden gate on damage that a checkpoint's files show, before any engine starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.validation.validate import validate
from tests.profiles.validation.corruptions import (
    Corruption,
    corrupted,
    put_nan_into_one_scale,
    swap_the_special_tokens,
    take_another_chat_template,
    truncate,
)
from tests.profiles.validation.golden_pairs import (
    W8A8,
    a_validation,
    checkpoints,
    failed,
    silent,
)


@pytest.fixture(scope="module")
def made() -> dict[str, Path]:
    return checkpoints()


@pytest.mark.parametrize(
    ("of", "corruption", "check", "seen"),
    [
        (W8A8, truncate, "files", "of its 482 tensors are cut off"),
        (W8A8, put_nan_into_one_scale, "weight values", "NaN or infinity in model.layers.12."),
        (W8A8, take_another_chat_template, "tokenizer", "chat template"),
        (W8A8, swap_the_special_tokens, "tokenizer", "eos_token <|im_start|>=1"),
    ],
    ids=["cut off", "NaN in a scale", "another chat template", "special tokens swapped"],
)
async def test_damage_that_files_show_is_found_without_an_engine(
    made: dict[str, Path],
    tmp_path: Path,
    of: str,
    corruption: Corruption,
    check: str,
    seen: str,
) -> None:
    folder = corrupted(made[of], tmp_path / "damaged", corruption)

    verdict = await validate(a_validation(folder, "w8a8", tmp_path), progress=silent)

    assert failed(verdict) == {check}
    assert seen in verdict.failures[0].seen
    assert verdict.note.endswith("no engine was started")
