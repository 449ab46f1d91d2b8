"""What a client program is asked to do, and how it reports. Imports no client."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

OVERLONG = "word " * 9000
WEATHER_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Asked:
    """The router, and the models that call a tool or write JSON when they are asked to.

    `exact` is false for a real model, whose words and calls are its own affair.
    """

    url: str
    weather: str
    capital: str
    result: str
    json: str
    exact: bool

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"


def run(*checks: Callable[[Asked], None]) -> None:
    """Runs each check on what the command line asks, and fails with the first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    for name in ("weather", "capital", "result", "json"):
        parser.add_argument(f"--{name}", default="auto")
    parser.add_argument("--exact", action="store_true")
    asked = Asked(**vars(parser.parse_args()))
    for check in checks:
        check(asked)
        print("passed", check.__name__, flush=True)  # noqa: T201


def refused(kind: type[Exception], call: Callable[[], object]) -> Exception:
    """The error of `kind` that `call` raises."""
    try:
        call()
    except kind as error:
        caught = error
    else:
        raise AssertionError(f"{kind.__name__} was not raised")
    return caught
