"""What the headers of safetensors files promise, and whether files and weights keep it.

Every weight and scale is read once: NaN, infinite, all zero.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge
from pydantic import TypeAdapter, ValidationError

INDEX = "model.safetensors.index.json"
LONGEST_HEADER_BYTES = 100_000_000
_LENGTH = struct.Struct("<Q")
Natural = Annotated[int, Ge(0)]
# Zero points and biases may well be zero everywhere; weights and their scales may not.
_NEVER_ZERO = re.compile(
    r"(^|\.)(weight|weight_packed|qweight|scales|SCB|absmax|\w*_scale(_inv)?)$"
)
PIECE = 1 << 22

Bits = npt.NDArray[np.unsignedinteger]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """A float as an unsigned integer: not finite where all bits of `mask` are set."""

    width: npt.DTypeLike
    mask: int
    sign: int


# F8_E4M3 has no infinity, and NaN is its one number with all other bits set.
_FLOATS: Mapping[str, _Format] = MappingProxyType(
    {
        "F64": _Format(width=np.uint64, mask=0x7FF << 52, sign=1 << 63),
        "F32": _Format(width=np.uint32, mask=0xFF << 23, sign=1 << 31),
        "F16": _Format(width=np.uint16, mask=0x1F << 10, sign=1 << 15),
        "BF16": _Format(width=np.uint16, mask=0xFF << 7, sign=1 << 15),
        "F8_E5M2": _Format(width=np.uint8, mask=0x1F << 2, sign=1 << 7),
        "F8_E4M3": _Format(width=np.uint8, mask=0x7F, sign=1 << 7),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadValues:
    """Tensors that hold NaN or infinity, and those that are zero everywhere, by name."""

    nonfinite: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()


def bad_values(tensors: Mapping[str, Tensor]) -> BadValues:
    """Looks at all `tensors`, whose files must be whole."""
    nonfinite = tuple(name for name, tensor in tensors.items() if _nonfinite(tensor))
    zero = tuple(
        name
        for name, tensor in tensors.items()
        if _NEVER_ZERO.search(name) and tensor.elements > 1 and _zero(tensor)
    )
    return BadValues(nonfinite=nonfinite, zero=zero)


def _nonfinite(tensor: Tensor) -> bool:
    kind = _FLOATS.get(tensor.dtype)
    if kind is None:
        return False
    return any(
        bool(((bits & kind.mask) == kind.mask).any()) for bits in _pieces(tensor, kind.width)
    )


def _zero(tensor: Tensor) -> bool:
    kind = _FLOATS.get(tensor.dtype)
    if kind is None:
        return not any(bits.any() for bits in _pieces(tensor, np.uint8))
    magnitude = kind.sign - 1
    return not any((bits & magnitude).any() for bits in _pieces(tensor, kind.width))


def _pieces(tensor: Tensor, width: npt.DTypeLike) -> Iterator[Bits]:
    """The tensor as integers, a piece at a time: not every weight file fits into memory."""
    if not tensor.size_bytes:
        return
    count = tensor.size_bytes // np.dtype(width).itemsize
    whole = np.memmap(tensor.file, dtype=width, mode="r", offset=tensor.offset, shape=(count,))
    for begin in range(0, count, PIECE):
        yield whole[begin : begin + PIECE]
