"""Leaves out pairs that cannot start, and puts others where the configuration refers to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

from serve_app.settings.config_file import (
    ConfigFile,
    ConfigFileError,
    our_application,
    without_pairs,
)
from serve_app.settings.pairs import PairSettings


def leave_out(config: ConfigFile, missing: Collection[str]) -> tuple[ConfigFile, tuple[str, ...]]:
    """The configuration without the pairs `missing`, and a sentence per changed reference.

    A pair's stand-in is the first remaining pair of its model, otherwise the first remaining one.
    It generates text.
    A pair whose parent is missing has none. A success model keeps its predictions for the rest.
    Raises `ConfigFileError` if no pair remains.
    """
    rest = [pair for pair in config.args.pairs if pair.id not in missing]
    if not rest:
        raise ConfigFileError((f"{config.path}: no pair is left to start",))
    raw = deepcopy(config.raw)
    raw_args = raw["applications"][our_application(config.path, raw)]["args"]
    changes = tuple(_change_references(raw_args, config, rest))
    fewer = without_pairs(replace(config, raw=raw, raw_args=raw_args), missing)
    return fewer, changes


def _change_references(
    raw_args: dict[str, Any], config: ConfigFile, rest: list[PairSettings]
) -> Iterator[str]:
    """Changes `raw_args` and yields what it changed."""
    known = {pair.id for pair in rest}
    for pair in raw_args["pairs"]:
        if pair["id"] in known and pair.get("parent") not in (None, *known):
            yield f"{pair['id']}.parent: none instead of {pair.pop('parent')}"
    routing = raw_args["routing"]
    shadow = (raw_args.get("feedback") or {}).get("shadow") or {}
    fallback = routing["static_fallback"]
    if isinstance(fallback, list) and (gone := [pair for pair in fallback if pair not in known]):
        left = [pair for pair in fallback if pair in known]
        routing["static_fallback"] = left or [_stand_in(fallback[0], config, rest).id]
        now = ", ".join(routing["static_fallback"])
        yield f"static_fallback: {now} without {', '.join(gone)}"
    for block, name in (
        (routing, "reference_pair"),
        (routing, "static_fallback"),
        (shadow, "reference_pair"),
    ):
        before = block.get(name)
        if isinstance(before, str) and before not in known:
            block[name] = _stand_in(before, config, rest).id
            yield f"{name}: {block[name]} instead of {before}"
    tokenizer = config.args.reference_tokenizer
    left_out = {pair.checkpoint for pair in config.args.pairs} - {pair.checkpoint for pair in rest}
    if tokenizer in left_out:
        reference = next(pair for pair in rest if pair.id == routing["reference_pair"])
        raw_args["reference_tokenizer"] = reference.checkpoint
        yield f"reference_tokenizer: {reference.checkpoint} instead of {tokenizer}"


def _stand_in(missing: str, config: ConfigFile, rest: list[PairSettings]) -> PairSettings:
    model = next(pair.model for pair in config.args.pairs if pair.id == missing)
    able = [pair for pair in rest if pair.serves == "generate"] or rest
    return next((pair for pair in able if pair.model == model), able[0])
