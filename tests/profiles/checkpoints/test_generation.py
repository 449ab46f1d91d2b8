"""The sampling that vLLM uses where a caller sets none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from profiles.checkpoints import RECIPES, ensure
from profiles.checkpoints.generation import FILE_NAME, complete, inherit
from profiles.checkpoints.recipe import Base, recipe_of
from tests.profiles.checkpoint_fakes import BF16, W8A8, WorkingSource, a_workshop

QWEN = "qwen2.5-coder-0.5b-instruct-bf16"
BASES = [recipe for recipe in RECIPES.values() if isinstance(recipe, Base)]


def base(name: str) -> Base:
    recipe = recipe_of(name)
    assert isinstance(recipe, Base)
    return recipe


def settings_of(folder: Path) -> dict[str, object]:
    settings: dict[str, object] = json.loads((folder / FILE_NAME).read_text())
    return settings


def test_a_checkpoint_without_the_file_gets_all_that_the_model_card_recommends(
    tmp_path: Path,
) -> None:
    complete(tmp_path, base(QWEN).generation)
    assert settings_of(tmp_path) == {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "repetition_penalty": 1.1,
        "bos_token_id": 151643,
        "eos_token_id": [151645, 151643],
        "pad_token_id": 151643,
    }


def test_what_the_publishers_file_has_stays_and_what_it_lacks_is_added(tmp_path: Path) -> None:
    published = {"temperature": 0.5, "eos_token_id": 9, "max_new_tokens": 40}
    (tmp_path / FILE_NAME).write_text(json.dumps(published))
    complete(tmp_path, base(BF16).generation)
    assert settings_of(tmp_path) == {
        **published,
        "do_sample": True,
        "top_p": 0.9,
        "bos_token_id": 1,
        "pad_token_id": 2,
    }


@pytest.mark.parametrize("recipe", BASES, ids=lambda recipe: recipe.name)
def test_every_model_says_where_its_sampling_is_recommended(recipe: Base) -> None:
    assert recipe.hub_repo in recipe.generation.source


def test_a_quantized_checkpoint_has_its_parents_sampling_tokenizer_and_template(
    tmp_path: Path,
) -> None:
    parent, folder = tmp_path / "parent", tmp_path / "folder"
    for made in (parent, folder):
        made.mkdir()
    for name in (FILE_NAME, "tokenizer.json", "chat_template.jinja"):
        (parent / name).write_text(f"the parent's {name}")
    (folder / "tokenizer.json").write_text("written by another library")
    (folder / "special_tokens_map.json").write_text("the parent has none")
    inherit(parent, folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        path.name: path.read_text() for path in parent.iterdir()
    }


def test_checkpoints_are_made_with_their_sampling(tmp_path: Path) -> None:
    made = ensure([BF16, W8A8], root=tmp_path, workshop=a_workshop(WorkingSource()))
    assert settings_of(made[BF16])["temperature"] == 0.2
    assert settings_of(made[W8A8]) == settings_of(made[BF16])
