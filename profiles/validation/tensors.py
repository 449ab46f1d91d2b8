"""What the headers of safetensors files promise, and whether files and weights keep it.

Every weight and scale is read once: NaN, infinite, all zero.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import Ge
from pydantic import TypeAdapter

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


_HEADER = TypeAdapter(dict[str, _Entry])
_WEIGHT_MAP = TypeAdapter(dict[str, str])


def read_shards(folder: Path) -> tuple[Mapping[str, Tensor], tuple[str, ...]]:
    """All tensors by the headers in `folder`, and a line for everything that its files lack."""
    tensors: dict[str, Tensor] = {}
    problems: list[str] = []
    for file in sorted(folder.glob("*.safetensors")):
        found, problem = _read_header(file)
        tensors |= found
        if problem:
            problems.append(f"{file.name}: {problem}")
    weight_map: dict[str, str] = {}
    try:
        if (folder / INDEX).exists():
            index = json.loads((folder / INDEX).read_bytes())
            weight_map = _WEIGHT_MAP.validate_python(index["weight_map"])
    except (ValueError, KeyError, TypeError):
        problems.append(f"{INDEX}: has no readable weight_map")
    absent = sorted({file for file in weight_map.values() if not (folder / file).is_file()})
    problems += [f"{file}: is named by {INDEX} and is not there" for file in absent]
    lost = [n for n, file in weight_map.items() if file not in absent and n not in tensors]
    if lost:
        problems.append(
            f"{INDEX}: names {len(lost)} tensors that no file has, the first {lost[0]!r}"
        )
    return tensors, tuple(problems)


def _read_header(file: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors of one file, and what is wrong with it, empty for nothing."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        opening = opened.read(_LENGTH.size)
        if len(opening) < _LENGTH.size:
            return {}, f"has {size} bytes, too few for a header"
        (length,) = _LENGTH.unpack(opening)
        if length > min(size - _LENGTH.size, LONGEST_HEADER_BYTES):
            return {}, f"promises a header of {length} bytes and has {size} in all"
        text = opened.read(length)
    try:
        plain = json.loads(text)
        # The one entry that is no tensor.
        plain.pop("__metadata__", None)
        entries = _HEADER.validate_python(plain)
    except (ValueError, AttributeError, TypeError):
        return {}, "its header is no safetensors header"
    data_begins = _LENGTH.size + length
    tensors = {
        name: Tensor(
            name=name,
            dtype=entry.dtype,
            shape=entry.shape,
            size_bytes=entry.data_offsets[1] - entry.data_offsets[0],
            offset=data_begins + entry.data_offsets[0],
            file=file,
        )
        for name, entry in entries.items()
    }
    ends = [tensor.offset + tensor.size_bytes for tensor in tensors.values()]
    promised = max(ends, default=data_begins)
    if promised <= size:
        return tensors, ""
    return tensors, (
        f"its header promises {promised:,} bytes and it has {size:,}: "
        f"{sum(end > size for end in ends)} of its {len(ends)} tensors are cut off"
    )


class _Format(NamedTuple):
    """A number as an unsigned integer: not finite where all bits of `mask`, if any, are set."""

    width: type[np.unsignedinteger]
    mask: int
    magnitude: int


# F8_E4M3 has no infinity, and NaN is its one number with all other bits set.
_FLOATS: Mapping[str, _Format] = MappingProxyType(
    {
        "F64": _Format(np.uint64, 0x7FF << 52, (1 << 63) - 1),
        "F32": _Format(np.uint32, 0xFF << 23, (1 << 31) - 1),
        "F16": _Format(np.uint16, 0x1F << 10, (1 << 15) - 1),
        "BF16": _Format(np.uint16, 0xFF << 7, (1 << 15) - 1),
        "F8_E5M2": _Format(np.uint8, 0x1F << 2, 0x7F),
        "F8_E4M3": _Format(np.uint8, 0x7F, 0x7F),
    }
)
_INTEGERS = _Format(np.uint8, 0, 0xFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadValues:
    """Tensors that hold NaN or infinity, and those that are zero everywhere, by name."""

    nonfinite: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()


def bad_values(tensors: Mapping[str, Tensor]) -> BadValues:
    """Looks at all `tensors`, whose files must be whole."""
    nonfinite: list[str] = []
    zero: list[str] = []
    for name, tensor in tensors.items():
        form: _Format = _FLOATS.get(tensor.dtype, _INTEGERS)
        mask, magnitude = form.mask, form.magnitude
        if mask and any(((bits & mask) == mask).any() for bits in _pieces(tensor, form.width)):
            nonfinite.append(name)
        may_be_zero = not _NEVER_ZERO.search(name) or tensor.elements <= 1
        if not may_be_zero and not any(
            (bits & magnitude).any() for bits in _pieces(tensor, form.width)
        ):
            zero.append(name)
    return BadValues(nonfinite=tuple(nonfinite), zero=tuple(zero))


def _pieces(tensor: Tensor, width: type[np.unsignedinteger]) -> Iterator[Bits]:
    """The tensor as integers, a piece at a time: not every weight file fits into memory."""
    if not tensor.size_bytes:
        return
    count = tensor.size_bytes // np.dtype(width).itemsize
    whole = np.memmap(tensor.file, dtype=width, mode="r", offset=tensor.offset, shape=(count,))
    for begin in range(0, count, PIECE):
        yield whole[begin : begin + PIECE]
