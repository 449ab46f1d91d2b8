"""The golden probes, texts to score and prompts to answer, and an engine's answers to them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Len
from pydantic import TypeAdapter, ValidationError

from profiles.jsonl import LinesInvalid, numbered_lines, problems_of_line, text_of
from serve_app.core.units import Name, PositiveInt
from serve_app.package_files import package_file

Top = tuple[tuple[int, float], ...]
TroubleKind = Literal["not_finite", "error"]


SHIPPED = package_file("profiles/golden/probes.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A `text` whose tokens the model scores, or a `prompt` that it answers greedily."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    id: Name
    kind: Literal["text", "prompt"]
    topic: Name
    content: Annotated[str, Len(1)]
    max_tokens: PositiveInt = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSet:
    """All probes of a file, in its order."""

    probes: tuple[Probe, ...]

    @property
    def texts(self) -> tuple[Probe, ...]:
        return tuple(probe for probe in self.probes if probe.kind == "text")

    @property
    def prompts(self) -> tuple[Probe, ...]:
        return tuple(probe for probe in self.probes if probe.kind == "prompt")

    @property
    def digest(self) -> str:
        plain = json.dumps([asdict(probe) for probe in self.probes], sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()


class ProbesInvalid(LinesInvalid):
    """A file of probes cannot be used."""


_PROBE = TypeAdapter(Probe)


def read_probes(file: Path = SHIPPED) -> ProbeSet:
    """All probes of `file`. Raises `OSError` or `ProbesInvalid`."""
    probes: dict[str, Probe] = {}
    problems: list[str] = []
    for number, line in numbered_lines(text_of(file, ProbesInvalid)):
        try:
            probe = _PROBE.validate_json(line)
        except ValidationError as exc:
            problems += problems_of_line(number, exc)
            continue
        if probe.id in probes:
            problems.append(f"line {number}: id: {probe.id!r} is taken by an earlier line")
        probes[probe.id] = probe
    if not problems and {probe.kind for probe in probes.values()} != {"text", "prompt"}:
        problems.append("it needs at least one probe of kind 'text' and one of kind 'prompt'")
    if problems:
        raise ProbesInvalid(file, tuple(problems))
    return ProbeSet(probes=tuple(probes.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredText:
    """Every token but the first of a text: its log-probability and the likeliest tokens there.

    `origin` tells texts written by people from answers of the parent, continued token by token.
    """

    probe: str
    topic: str
    origin: Literal["written", "answer"]
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    tops: tuple[Top, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A greedy answer, and the tokens that the engine made of its prompt."""

    probe: str
    topic: str
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    text: str
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A probe without a result: the engine gave a number that is none, or an error."""

    probe: str
    topic: str
    kind: TroubleKind
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """All of an engine's answers to the golden probes."""

    texts: tuple[ScoredText, ...]
    answers: tuple[Answer, ...]
    troubles: tuple[Trouble, ...]
