"""The configuration file is refused with the line to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from serve_app.settings.config_file import ConfigFileError, read_config
from tests.paths import REPOSITORY, SMOLLM2_FLEET

SHIPPED = REPOSITORY / "serve_config.yaml"


def edited(folder: Path, before: str, after: str) -> Path:
    text = SMOLLM2_FLEET.read_text()
    assert before in text
    copy = folder / "edited.yaml"
    copy.write_text(text.replace(before, after, 1))
    return copy


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_the_shipped_file_is_read(tmp_path: Path) -> None:
    assert len(read_config(SHIPPED).args.pairs) == 3


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("id: smollm2-135m-w8a8", "id: smollm2-135m-bf16 # twice", "pairs[1].id"),
        ("static_fallback: smollm2-135m-bf16", "static_fallback: nobody", "static_fallback"),
        ("usd_per_hour: 0.03", "usd_per_hour: -1", "usd_per_hour"),
        ("accelerator: CPU", "accelerator: TPU9", "hardware"),
        ("context_window: 2048", "context_window: long", "context_window"),
        ("reference_tokenizer: ", "reference_tokeniser: ", "reference_tokeniser"),
    ],
)
def test_a_problem_names_its_line_and_field(
    tmp_path: Path, before: str, after: str, named: str
) -> None:
    path = edited(tmp_path, before, after)
    with pytest.raises(ConfigFileError) as refused:
        read_config(path)
    wanted = f"{path}:{line_of(path, after)}: "
    assert any(p.startswith(wanted) and named in p for p in refused.value.problems)


def test_broken_yaml_is_refused_at_its_line(tmp_path: Path) -> None:
    path = edited(tmp_path, "  port: 8000", "  port: [8000")
    with pytest.raises(ConfigFileError, match=r"edited\.yaml:\d+: not YAML"):
        read_config(path)


def test_a_file_without_our_application_says_what_to_add(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("applications:\n- {name: x, import_path: 'a:b'}\n")
    with pytest.raises(ConfigFileError, match=r"serve_app\.app:build_app"):
        read_config(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"nowhere\.yaml: cannot be read"):
        read_config(tmp_path / "nowhere.yaml")
