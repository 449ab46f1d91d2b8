"""What a request asks of routing, from headers and from `routing` in the body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from serve_app.core.errors import BadRequest
from serve_app.core.request import Constraints

# One definition of what is allowed: the bounds that the vocabulary's own types carry.
OPTIONS: Mapping[str, TypeAdapter[Any]] = {
    name: TypeAdapter(hint, config=ConfigDict(allow_inf_nan=False))
    for name, hint in get_type_hints(Constraints, include_extras=True).items()
}
ALLOWED = ", ".join(OPTIONS)
HEADERS: Mapping[bytes, str] = {
    b"x-latency-budget-ms": "latency_budget_ms",
    b"x-ttft-budget-ms": "ttft_budget_ms",
    b"x-min-accuracy": "min_accuracy",
    b"x-max-cost-usd": "max_cost_usd",
    b"x-routing-preset": "preset",
    b"x-deadline-quantile": "deadline_quantile",
    b"x-on-infeasible": "on_infeasible",
}


def constraints_of(
    headers: Iterable[tuple[bytes, bytes]], routing: object, defaults: Constraints
) -> Constraints:
    """The fleet's defaults, with what the request asks instead; `null` takes a default away.

    Raises `BadRequest` for a field that does not exist, a value that is not allowed, and a
    header that disagrees with the body or with itself.
    """
    by_header = _from_headers(headers)
    by_body = _from_body(routing)
    for name in by_header.keys() & by_body.keys():
        if by_header[name] != by_body[name]:
            raise BadRequest(
                f"the header asks for {name} {by_header[name]!r} and routing.{name} for "
                f"{by_body[name]!r}: send one of them",
                f"routing.{name}",
            )
    if not by_header and not by_body:
        return defaults
    return replace(defaults, **by_header, **{k: by_body[k] for k in by_body.keys() - by_header})


def _from_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, raw in headers:
        name = HEADERS.get(key)
        if name is None:
            continue
        header, text = key.decode("latin-1"), raw.decode("latin-1").strip()
        try:
            value = OPTIONS[name].validate_strings(text)
        except ValidationError as exc:
            raise _not_allowed(header, text, exc) from exc
        if found.setdefault(name, value) != value:
            raise BadRequest(f"{header} is sent twice, with different values", header)
    return found


def _from_body(routing: object) -> dict[str, Any]:
    if routing is None:
        return {}
    if not isinstance(routing, dict):
        raise BadRequest(
            f"routing must be an object with any of {ALLOWED}; got {type(routing).__name__}",
            "routing",
        )
    found: dict[str, Any] = {}
    for name, value in routing.items():
        if name not in OPTIONS:
            where = f"routing.{name:.80}"
            raise BadRequest(f"{where}: there is no such field; allowed: {ALLOWED}", where)
        try:
            found[name] = OPTIONS[name].validate_python(value, strict=True)
        except ValidationError as exc:
            raise _not_allowed(f"routing.{name}", value, exc) from exc
    return found


def _not_allowed(where: str, value: object, exc: ValidationError) -> BadRequest:
    wanted = exc.errors(include_url=False)[0]["msg"]
    return BadRequest(f"{where}: {wanted[:1].lower()}{wanted[1:]}; got {value!r:.80}", where)
