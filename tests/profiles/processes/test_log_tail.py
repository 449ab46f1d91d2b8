"""What a failed process's log says."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.processes.log_tail import cause, tail


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            "INFO loading\n(EngineCore pid=7) ValueError: head size 7 is not supported\n"
            "RuntimeError: Engine core initialization failed. See root cause above.\n",
            "ValueError: head size 7 is not supported",
        ),
        ("api_server.py: error: unrecognized arguments: --bits 4\n", "error: unrecognized"),
        ("torch.OutOfMemoryError: no room\nINFO bye\n", "torch.OutOfMemoryError: no room"),
        ("INFO loading\nINFO stopped\n\n", "INFO stopped"),
        ("", "it wrote nothing to its log"),
    ],
    ids=["the cause above vLLM's own summary", "argparse", "any exception", "none named", "empty"],
)
def test_the_cause_is_the_last_error_that_says_something(
    tmp_path: Path, log: str, expected: str
) -> None:
    path = tmp_path / "engine.log"
    path.write_text(log)

    assert cause(path).startswith(expected)


def test_the_tail_is_the_end_of_the_log_without_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_text("\n\n".join(f"line {number}" for number in range(100)))

    lines = tail(path).splitlines()

    assert lines[-1] == "line 99"
    assert "" not in lines
    assert len(lines) < 50
