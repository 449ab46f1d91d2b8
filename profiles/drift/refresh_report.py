"""What a weekly run leaves behind: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from profiles.drift.merge import Outcome
from profiles.drift.refresh import Refreshed
from profiles.drift.report import drift_document
from serve_app.adapters.atomic_file import write_atomically

JSON_FILE = "refresh.json"
MARKDOWN_FILE = "refresh.md"


def write_refreshed(refreshed: Refreshed, folder: Path) -> tuple[Path, Path]:
    """Writes both files into `folder` and returns their paths."""
    paths = folder / JSON_FILE, folder / MARKDOWN_FILE
    write_atomically(paths[0], json.dumps(refreshed_document(refreshed), indent=2) + "\n")
    write_atomically(paths[1], "\n".join(refreshed_lines(refreshed)) + "\n")
    return paths


def refreshed_document(refreshed: Refreshed) -> dict[str, object]:
    return {
        "against": refreshed.against,
        "version": refreshed.version,
        "pairs": [
            {
                "pair": outcome.pair,
                "action": outcome.action,
                "reason": outcome.reason,
                "drift": drift_document(outcome.drift) if outcome.drift else None,
            }
            for outcome in refreshed.outcomes
        ],
    }


def refreshed_lines(refreshed: Refreshed) -> Iterator[str]:
    yield "# Profiles measured again"
    yield ""
    yield f"Against {_named(refreshed.against)}. {_published(refreshed.version)}"
    yield ""
    yield "| pair | what became of it | why |"
    yield "|---|---|---|"
    for outcome in refreshed.outcomes:
        yield f"| {outcome.pair} | {outcome.action} | {_cell(outcome.reason)} |"
    for outcome in refreshed.outcomes:
        yield from _moved(outcome)


def _moved(outcome: Outcome) -> Iterator[str]:
    drift = outcome.drift
    if drift is None or not (drift.moves or drift.notes):
        return
    yield ""
    yield f"## {outcome.pair}"
    yield ""
    for move in drift.moves:
        yield f"- {move.direction}: {move}"
    for note in drift.notes:
        yield f"- {note}"


def _named(version: str | None) -> str:
    return "an empty store" if version is None else f"version {version}"


def _published(version: str | None) -> str:
    return "Nothing was published." if version is None else f"Published as version {version}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
