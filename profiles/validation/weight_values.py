"""Reads every weight and scale once: NaN, infinite, all zero."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from profiles.validation.tensors import Tensor

# Zero points and biases may well be zero everywhere; weights and their scales may not.
_NEVER_ZERO = re.compile(
    r"(^|\.)(weight|weight_packed|qweight|scales|SCB|absmax|\w*_scale(_inv)?)$"
)
PIECE = 1 << 22

Bits = npt.NDArray[np.unsignedinteger]


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
