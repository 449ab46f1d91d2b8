"""The `generation_config.json` of a checkpoint: what vLLM uses where a caller sets nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from profiles.checkpoints.recipe import Generation

FILE_NAME = "generation_config.json"
# What belongs to a model and not to the precision of its weights.
OF_THE_MODEL = (
    FILE_NAME,
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)


def complete(folder: Path, recommended: Generation) -> None:
    """Adds what the publisher's file in `folder` lacks, and changes nothing that it has."""
    file = folder / FILE_NAME
    published = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    values = {key: value for key, value in asdict(recommended).items() if value is not None}
    del values["source"]
    complete = {"do_sample": True, **values, **published}
    file.write_text(json.dumps(complete, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def inherit(parent: Path, folder: Path) -> None:
    """Gives a quantized checkpoint its parent's tokenizer, chat template and sampling.

    The quantizer's own copies are replaced: its library may add what the parent's file lacks.
    """
    for name in OF_THE_MODEL:
        (folder / name).unlink(missing_ok=True)
        if (parent / name).is_file():
            shutil.copyfile(parent / name, folder / name)
