"""What the README shows works as it is written there."""

from __future__ import annotations

import re

from tests.paths import REPOSITORY

README = (REPOSITORY / "README.md").read_text()


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
