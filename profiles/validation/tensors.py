"""What the headers of safetensors files promise, and whether the files keep it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge
from pydantic import TypeAdapter, ValidationError

INDEX = "model.safetensors.index.json"
LONGEST_HEADER_BYTES = 100_000_000
_LENGTH = struct.Struct("<Q")
Natural = Annotated[int, Ge(0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A tensor as a header describes it."""

    __pydantic_config__: ClassVar = {"extra": "ignore"}

    dtype: str
    shape: tuple[Natural, ...]
    data_offsets: tuple[Natural, Natural]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor by its header: it takes `size_bytes` of its file, from `offset` on."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int
    offset: int
    file: Path

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """All tensors of a checkpoint, and a line for everything its files lack."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


_HEADER = TypeAdapter(dict[str, _Entry])
_WEIGHT_MAP = TypeAdapter(dict[str, str])


class _Unreadable(Exception):
    """One line on a file."""


def read_shards(folder: Path) -> Shards:
    """Reads every header in `folder`; never loads a tensor."""
    tensors: dict[str, Tensor] = {}
    problems: list[str] = []
    for file in sorted(folder.glob("*.safetensors")):
        try:
            found, lacking = _read_header(file)
        except _Unreadable as exc:
            problems.append(f"{file.name}: {exc}")
            continue
        tensors.update(found)
        problems.extend(f"{file.name}: {problem}" for problem in lacking)
    problems.extend(_against_index(folder / INDEX, tensors))
    return Shards(tensors=tensors, problems=tuple(problems))


def _read_header(file: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    size = file.stat().st_size
    with file.open("rb") as opened:
        opening = opened.read(_LENGTH.size)
        if len(opening) < _LENGTH.size:
            raise _Unreadable(f"has {size} bytes, too few for a header")
        (length,) = _LENGTH.unpack(opening)
        if length > min(size - _LENGTH.size, LONGEST_HEADER_BYTES):
            raise _Unreadable(f"promises a header of {length} bytes and has {size} in all")
        text = opened.read(length)
    try:
        plain = json.loads(text)
        # The one entry that is no tensor.
        plain.pop("__metadata__", None)
        entries = _HEADER.validate_python(plain)
    except (ValueError, AttributeError, TypeError) as exc:
        raise _Unreadable("its header is no safetensors header") from exc
    begins = _LENGTH.size + length
    tensors = {name: _tensor(name, entry, begins, file) for name, entry in entries.items()}
    promised = begins + max((entry.data_offsets[1] for entry in entries.values()), default=0)
    if promised > size:
        cut = sum(begins + entry.data_offsets[1] > size for entry in entries.values())
        return tensors, (
            f"its header promises {promised:,} bytes and it has {size:,}: {cut} of its "
            f"{len(entries)} tensors are cut off",
        )
    return tensors, ()


def _tensor(name: str, entry: _Entry, data_begins: int, file: Path) -> Tensor:
    begin, end = entry.data_offsets
    return Tensor(
        name=name,
        dtype=entry.dtype,
        shape=entry.shape,
        size_bytes=end - begin,
        offset=data_begins + begin,
        file=file,
    )


def _against_index(index: Path, tensors: Mapping[str, Tensor]) -> Iterator[str]:
    """What the index names and the files lack."""
    if not index.exists():
        return
    try:
        weight_map = _WEIGHT_MAP.validate_python(json.loads(index.read_bytes())["weight_map"])
    except (ValueError, KeyError, TypeError, ValidationError):
        yield f"{index.name}: has no readable weight_map"
        return
    absent = sorted({file for file in weight_map.values() if not (index.parent / file).is_file()})
    for file in absent:
        yield f"{file}: is named by {index.name} and is not there"
    lost = [n for n, file in weight_map.items() if file not in absent and n not in tensors]
    if lost:
        yield f"{index.name}: names {len(lost)} tensors that no file has, the first {lost[0]!r}"
