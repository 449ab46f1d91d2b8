"""What a gate is shown, setting only what a test is about."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path

from profiles.validation.checkpoint import CheckpointFacts
from profiles.validation.layers import LinearLayer
from profiles.validation.probe_set import Answer, Probes, ScoredText, Trouble
from profiles.validation.tensors import BadValues
from profiles.validation.verdict import Evidence

PLACES = 40


def a_text(
    name: str = "text",
    *,
    likely: float = 0.6,
    topic: str = "prose",
    first: int = 0,
    token_ids: tuple[int, ...] = tuple(range(PLACES)),
) -> ScoredText:
    """Every token of it has the same probability; `first` is the likeliest everywhere."""
    tops = tuple(((first, log(likely)), (99, log((1 - likely) / 2))) for _ in token_ids)
    return ScoredText(
        probe=name,
        topic=topic,
        origin="written",
        token_ids=token_ids,
        logprobs=tuple(log(likely) for _ in token_ids),
        tops=tops,
    )


def an_answer(
    *token_ids: int, name: str = "ask", text: str = "fine", prompt: tuple[int, ...] = (1, 2)
) -> Answer:
    return Answer(
        probe=name,
        topic="prose",
        prompt_ids=prompt,
        token_ids=token_ids or tuple(range(10)),
        text=text,
        cut=False,
    )


def some_probes(
    *texts: ScoredText,
    answers: tuple[Answer, ...] | None = None,
    troubles: tuple[Trouble, ...] = (),
) -> Probes:
    return Probes(
        texts=texts or (a_text(),),
        answers=(an_answer(),) if answers is None else answers,
        troubles=troubles,
    )


def some_facts(*, bits: float = 16.0, quantized: bool | None = None) -> CheckpointFacts:
    """One linear layer of `bits` per weight."""
    layer = LinearLayer(
        name="model.layers.0.mlp.up_proj",
        weights=1000,
        stored_bits=round(bits * 1000),
        quantized=bits < 16 if quantized is None else quantized,
    )
    return CheckpointFacts(
        path=Path("checkpoint"),
        method="compressed-tensors" if layer.quantized else None,
        shape={},
        layers=(layer,),
        other_bytes=500,
        embedding_rows=None,
        values=BadValues(),
        tokenizer=None,
        problems=(),
    )


def evidence(probes: Probes | None = None, *, bits: float = 16.0) -> Evidence:
    return Evidence(facts=some_facts(bits=bits), probes=probes)


def with_facts(shown: Evidence, **facts: object) -> Evidence:
    return replace(shown, facts=replace(shown.facts, **facts))  # type: ignore[arg-type]
