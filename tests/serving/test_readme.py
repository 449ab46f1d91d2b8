"""What the README shows works as it is written there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.paths import REPOSITORY
from tests.serving.running_fleet import Fleet

README = (REPOSITORY / "README.md").read_text()


@pytest.mark.ray
def test_the_python_example_runs_and_prints_an_answer_with_its_reason(fleet: Fleet) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert "http://127.0.0.1:8000" in example
    ran = subprocess.run(
        [sys.executable, "-c", example.replace("http://127.0.0.1:8000", fleet.url)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answered, reason = ran.stdout.strip().rsplit("\n", 1)
    assert answered.startswith("smollm2-135m-")
    assert "smollm2-135m-" in reason


def test_every_make_target_it_names_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z]+)\b", README))
    assert named
    for target in named - {"sure", "results"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_file_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    missing = [link for link in links if "://" not in link and not (REPOSITORY / link).exists()]
    assert not missing
