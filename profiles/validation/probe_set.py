"""The golden probes: texts to score and prompts to answer, in a JSONL file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Len
from pydantic import TypeAdapter, ValidationError

from serve_app.adapters.problem_lines import problem_lines, shortened
from serve_app.core.units import Name, PositiveInt

SHIPPED = Path(__file__).parent.parent / "golden" / "probes.jsonl"


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


class ProbesInvalid(ValueError):
    """A file of probes cannot be used; `problems` has one line each, with line and field."""

    def __init__(self, file: Path, problems: tuple[str, ...]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        return f"{self.file}: " + "; ".join(shortened(self.problems))


_PROBE = TypeAdapter(Probe)


def read_probes(file: Path = SHIPPED) -> ProbeSet:
    """All probes of `file`. Raises `OSError` or `ProbesInvalid`."""
    probes: dict[str, Probe] = {}
    problems: list[str] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            probe = _PROBE.validate_json(line)
        except ValidationError as exc:
            problems.extend(f"line {number}: {problem}" for problem in problem_lines(exc))
            continue
        if probe.id in probes:
            problems.append(f"line {number}: id: {probe.id!r} is taken by an earlier line")
        probes[probe.id] = probe
    if not problems and {probe.kind for probe in probes.values()} != {"text", "prompt"}:
        problems.append("it needs at least one probe of kind 'text' and one of kind 'prompt'")
    if problems:
        raise ProbesInvalid(file, tuple(problems))
    return ProbeSet(probes=tuple(probes.values()))
