"""Secrets by reference, and where they stand in plain text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from serve_app.settings import SettingsError, parse_args
from serve_app.settings.plain_secrets import plain_secrets
from serve_app.settings.secrets import SecretMissing, resolved, resolved_address
from tests.settings.test_parse import embedded_args

PASSWORD = "p@ss/w:rd?#"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", PASSWORD)
    monkeypatch.setenv("REDIS_URL", "redis://:p%40ss@redis:6379/0")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)


def args_with(url: str, **env: str) -> dict[str, Any]:
    args = embedded_args()
    args["store"] = {"url": url}
    args["pairs"][0]["env"] = env
    return args


def test_a_variable_in_an_address_is_percent_encoded() -> None:
    address = resolved_address("redis://:${REDIS_PASSWORD}@redis:6379/0?namespace=a")

    assert address == "redis://:p%40ss%2Fw%3Ard%3F%23@redis:6379/0?namespace=a"


def test_an_address_that_is_one_variable_is_taken_as_it_is() -> None:
    assert resolved_address("${REDIS_URL}") == "redis://:p%40ss@redis:6379/0"


def test_a_file_gives_its_text_without_the_last_line_break(tmp_path: Path) -> None:
    file = tmp_path / "redis password"
    file.write_text("s3cret\n")

    assert resolved_address(f"redis://:${{file:{file}}}@redis:6379/0") == (
        "redis://:s3cret@redis:6379/0"
    )


def test_texts_without_references_stay() -> None:
    for text in ("redis://redis:6379/0", "profiles/data", "$HOME", "100$"):
        assert resolved(text) == resolved_address(text) == text


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("${UNSET}", "the variable is not set"),
        ("${EMPTY}", "the variable is not set"),
        ("${file:/nowhere/secret}", "the file cannot be read"),
    ],
)
def test_a_reference_to_nothing_names_itself(reference: str, problem: str) -> None:
    with pytest.raises(SecretMissing) as missing:
        resolved_address(f"redis://:{reference}@redis:6379/0")

    assert str(missing.value).startswith(f"{reference}: {problem}")


@pytest.mark.parametrize(
    "url",
    [
        "redis://:${REDIS_PASSWORD}@redis:6379/0",
        "redis://:${file:/run/secrets/redis}@redis:6379/0?namespace=a",
        "${REDIS_URL}",
        "redis://redis:6379/0",
        "profiles/data",
    ],
)
def test_references_are_kept_in_the_settings_and_expose_nothing(url: str) -> None:
    settings = parse_args(args_with(url, HF_TOKEN="${HF_TOKEN}", OMP_NUM_THREADS="1"))

    assert settings.store.url == url
    assert settings.pairs[0].env["HF_TOKEN"] == "${HF_TOKEN}"
    assert plain_secrets(settings) == ()


def test_secrets_in_plain_text_are_found_by_field() -> None:
    args = args_with("rediss://user:hunter2@redis:6379/0", HF_TOKEN="hf_123", MY_API_KEY="k")
    args["pairs"][1]["engine"] = {**args["pairs"][1]["engine"], "hf_token": "hf_456"}
    args["store"]["fallback_url"] = "redis://redis:6379/0?password=hunter2"

    found = plain_secrets(parse_args(args))

    assert found == (
        "store.url",
        "store.fallback_url",
        "pairs[0].env.HF_TOKEN",
        "pairs[0].env.MY_API_KEY",
        "pairs[1].engine.hf_token",
    )


@pytest.mark.parametrize(
    "url",
    [
        "etcd://user:hunter2@etcd:2379",
        "redis://:hunter2@redis:6379/0?namespace=a:b",
        "redis://redis:6379/0?password=hunter2&namespace=a:b",
        "redis://:hun/ter2#hunter2@redis:6379/0",
    ],
)
def test_a_refused_address_is_shown_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_args(args_with(url))

    assert "store.url" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_file_is_no_value_of_an_engines_environment() -> None:
    with pytest.raises(SettingsError, match=r"HF_TOKEN.*Ray sets this variable and reads no files"):
        parse_args(args_with("profiles/data", HF_TOKEN="${file:/run/secrets/hf}"))
