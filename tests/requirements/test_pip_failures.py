"""What pip's output means, and what to do about it."""

from __future__ import annotations

import pytest
from pip_failures import explain, relevant

OFFLINE = """\
WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError("Failed to \
establish a new connection: [Errno -2] Name or service not known")'
ERROR: Could not find a version that satisfies the requirement torch==2.13.0
ERROR: No matching distribution found for torch==2.13.0
"""


def explained(output: str) -> str:
    return explain(output, pip="pip 26 (python 3.12)", settings=[], log="build/install.log")


@pytest.mark.parametrize(
    ("output", "failed", "advice"),
    [
        ("ERROR: [Errno 28] No space left on device\n", "disk filled up", "Free some space"),
        (OFFLINE, "did not reach the package index", "HTTPS_PROXY"),
        (
            "ERROR: No matching distribution found for torch==2.13.0\n",
            "lacks a file",
            "Linux on x86-64",
        ),
        ("ERROR: Failed building wheel for numba\n", "built from source", "A wheel"),
        ("something else\n", "Its last lines:\n  something else", "Read the whole output"),
    ],
)
def test_each_kind_of_failure_has_its_advice(output: str, failed: str, advice: str) -> None:
    text = explained(output)
    assert failed in text
    assert advice in text
    assert "Used: pip 26 (python 3.12)" in text
    assert "All output: build/install.log" in text


def test_an_unknown_failure_shows_only_the_last_lines() -> None:
    text = explained("\n".join(f"line {number}" for number in range(100)))
    assert "line 99" in text
    assert "line 50" not in text


def test_only_settings_that_change_what_is_found_are_named() -> None:
    names = ["global.cert", "global.find-links", ":env:.constraint", "global.timeout"]
    assert relevant(names) == ["global.find-links", ":env:.constraint"]
