"""The events of a stream that has a type for each."""

from __future__ import annotations

import json
from typing import Any


def typed_events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The name and the data of every event."""
    found = []
    for block in text.split("\n\n"):
        if block:
            name, data = block.split("\n", 1)
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found
