"""The body of a request: bytes in, a JSON object out, within limits.

A body costs time where it has many values, not where it is long: a value takes a hundred times the
time of a character of text. So values are counted before they are made.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import aclosing
from math import isinf
from typing import Any

import numpy as np
from pydantic_core import from_json
from starlette.requests import Request

from serve_app.core.errors import BadRequest, BodyTooLarge, UnsupportedEncoding

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ENCODINGS = ("gzip", "deflate", "identity")
GZIP_WINDOW = 31
# What is called deflate has the wrapper of zlib, or none.
DEFLATE_WINDOWS = (15, -15)
# Each opens a value, or separates two.
VALUE_MARKS = b",[{"

# What a number of more than 64 bits, or beyond all floats, has in it when all digits are 0.
DIGITS_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
LONG_NUMBERS = (b"0" * 19, b"e000", b"e+000")


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body as it was sent. Raises `BodyTooLarge` without reading beyond the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    body = bytearray()
    async with aclosing(request.stream()) as parts:
        async for part in parts:
            body += part
            if len(body) > limit_bytes:
                raise BodyTooLarge(limit_bytes)
    return bytes(body)


def decoded(raw: bytes, encoding: str, limit_bytes: int) -> bytes:
    """The body without its `Content-Encoding`, of which no more than the limit is unpacked.

    Raises `UnsupportedEncoding`, `BodyTooLarge`, and `BadRequest` for what is not so encoded.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return raw
        case "gzip" | "x-gzip":
            return _inflated(raw, GZIP_WINDOW, limit_bytes)
        case "deflate":
            # A wrapper of zlib has 8 in the lower half of its first byte, which no block has.
            wrapped, bare = DEFLATE_WINDOWS
            return _inflated(raw, wrapped if raw[:1] and raw[0] & 15 == 8 else bare, limit_bytes)
        case _:
            raise UnsupportedEncoding(encoding, ENCODINGS)


def _inflated(raw: bytes, window: int, limit_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(window)
    try:
        body = unpacker.decompress(raw, limit_bytes + 1)
    except zlib.error as exc:
        raise BadRequest(f"the body is not what content-encoding names: {exc}") from exc
    if len(body) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    if not unpacker.eof or unpacker.unused_data:
        what = "goes on after its end" if unpacker.eof else "is cut off"
        raise BadRequest(f"the compressed body {what}; send one whole stream")
    return body


def parse_object(raw: bytes, limit_values: int) -> dict[str, Any]:
    """A JSON object. Raises `BadRequest` for anything else, and for more values than the limit."""
    raw = raw.removeprefix(BYTE_ORDER_MARK)
    if sum(raw.count(mark) for mark in VALUE_MARKS) > limit_values:
        values = _values(raw)
        if values > limit_values:
            raise BadRequest(
                f"the body has {values} JSON values; at most {limit_values} are allowed: "
                f"send less in one request"
            )
    try:
        parsed = from_json(raw, allow_inf_nan=False)
    except ValueError as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc
    if not isinstance(parsed, dict):
        raise BadRequest(f"the body must be a JSON object; got {type(parsed).__name__}")
    # Looking at every value takes too long for most bodies, which have no such number.
    shape = raw.translate(DIGITS_ALIKE)
    if any(number in shape for number in LONG_NUMBERS):
        _refuse_numbers_too_long(parsed)
    return parsed


def _values(raw: bytes) -> int:
    """The marks of values that do not stand in text."""
    marks = np.frombuffer(raw.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    in_text = np.cumsum(marks == ord('"'), dtype=np.uint8) & 1
    of_values = np.logical_or.reduce([marks == mark for mark in VALUE_MARKS])
    return int(np.count_nonzero(of_values & (in_text == 0)))


def _refuse_numbers_too_long(body: Mapping[str, Any]) -> None:
    """Engines hold 64 bits; a longer number fails deep inside one, whatever field it is in."""
    for name, field in body.items():
        values = [field]
        while values:
            value = values.pop()
            if isinstance(value, dict):
                values += value.values()
            elif isinstance(value, list):
                values += value
            elif isinstance(value, int) and not -(2**63) <= value < 2**64:
                raise BadRequest(f"{name:.80}: has an integer of more than 64 bits", name[:80])
            elif isinstance(value, float) and isinf(value):
                raise BadRequest(f"{name:.80}: has a number that is not finite", name[:80])
