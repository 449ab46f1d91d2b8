"""`quantroute tune` from a fleet file and routers' pages to what people read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from profiles.cli import cli
from tests.paths import SMOLLM2_FLEET
from tests.profiles.tuning.pages import a_page, serving

# A token takes 2 layers x 2 heads x 16 numbers x 2 vectors x 2 bytes.
CONFIG = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "dtype": "bfloat16",
}
BYTES_PER_TOKEN = 256
# The third pair of the fleet has the longest window.
WINDOWS = {"smollm2-135m-bf16": 4096, "smollm2-135m-w8a8": 4096, "smollm2-135m-w4a16": 8192}
BF16, W8A8, W4A16 = WINDOWS
# 96 of 100 contexts are of at most 512 tokens.
SHORT = [400] * 960 + [3_000] * 40


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """The embedded fleet with the windows above and checkpoints that say their shape."""
    document = yaml.safe_load(SMOLLM2_FLEET.read_text())
    for pair in document["applications"][0]["args"]["pairs"]:
        checkpoint = tmp_path / pair["id"]
        checkpoint.mkdir()
        (checkpoint / "config.json").write_text(json.dumps(CONFIG))
        pair.update(checkpoint=str(checkpoint), context_window=WINDOWS[pair["id"]])
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def ran(fleet: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        cli, ["tune", "max-model-len", "--fleet", str(fleet), *arguments], env={"COLUMNS": "200"}
    )
    return result.exit_code, result.output


def a_page_file(fleet: Path, contexts: Mapping[str, Sequence[int]]) -> str:
    page = fleet.with_name("metrics.txt")
    page.write_text(a_page(contexts))
    return str(page)


def test_advice_says_what_a_shorter_window_frees_and_where_longer_requests_go(fleet: Path) -> None:
    page = a_page_file(fleet, {BF16: SHORT})

    code, printed = ran(fleet, BF16, "--metrics", page)

    freed_gib = 8 * (4096 - 512) * BYTES_PER_TOKEN / 2**30
    assert code == 0
    first, second, third, last = printed.splitlines()
    assert first.startswith(f"{BF16}: 1,000 requests, contexts of P50 ")
    assert first.endswith("; window 4,096")
    assert second == (
        f"  max_model_len 512: frees {freed_gib:.2f} GiB that requests could take at most, room "
        f"for 56 more requests of that length"
    )
    assert third == (f"  at most 4.00% of requests were longer: they go to {W4A16}, {W8A8}")
    assert "prompt and max_tokens do not fit" in last


def test_replicas_are_read_together(fleet: Path) -> None:
    page = a_page_file(fleet, {BF16: SHORT})

    with serving({"/metrics": a_page({BF16: [3_000] * 1_000})}) as url:
        code, printed = ran(fleet, BF16, "--metrics", page, "--metrics", f"{url}/metrics", "--json")

    (advice,) = json.loads(printed)["pairs"]
    assert (code, advice["seen"], advice["max_model_len"]) == (0, 2_000, 3_072)


def test_a_prometheus_server_can_be_asked_instead(fleet: Path) -> None:
    result = [
        {"metric": {"pair": BF16, "le": le}, "value": [0, count]}
        for le, count in (("512.0", "4000"), ("1024.0", "4000"), ("+Inf", "4000"))
    ]
    answer = json.dumps({"status": "success", "data": {"result": result}})

    with serving({"/api/v1/query": answer}) as url:
        code, printed = ran(fleet, "--prometheus", url, "--json")

    advice = {one["pair"]: one for one in json.loads(printed)["pairs"]}
    assert code == 0
    assert (advice[BF16]["seen"], advice[BF16]["max_model_len"]) == (4_000, 512)
    assert advice[W8A8]["warnings"] == ["no request seen"]


def test_the_quantile_decides_how_many_fit(fleet: Path) -> None:
    page = a_page_file(fleet, {BF16: SHORT})

    _, printed = ran(fleet, BF16, "--metrics", page, "--quantile", "0.99", "--json")

    document = json.loads(printed)
    assert document["quantile"] == 0.99
    assert document["pairs"][0]["max_model_len"] == 3_072


def test_a_fleet_whose_pairs_all_count_on_each_other_is_warned(fleet: Path) -> None:
    page = a_page_file(fleet, dict.fromkeys(WINDOWS, SHORT))

    _, printed = ran(fleet, "--metrics", page)

    assert (
        "! all of this at once would leave no pair for 120 requests over 512 tokens: keep one "
        "pair's window"
    ) in printed.splitlines()


def test_few_requests_and_unknown_memory_are_said(fleet: Path) -> None:
    (fleet.with_name(BF16) / "config.json").unlink()
    page = a_page_file(fleet, {BF16: [400] * 10})

    _, printed = ran(fleet, BF16, "--metrics", page)

    assert "  ! only 10 requests seen, fewer than 1,000" in printed
    assert "  ! the memory is not known: " in printed
    assert "GiB" not in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["nobody"], 2, f"'nobody' is no pair of the fleet; pairs: {BF16}", id="pair"),
        pytest.param(
            ["--metrics", "a", "--prometheus", "b"],
            2,
            "are two sources of the same: give one",
            id="two sources",
        ),
        pytest.param(["--metrics", "/none"], 1, "/none: cannot be read", id="no page"),
    ],
)
def test_what_cannot_be_advised_is_told(
    fleet: Path, arguments: list[str], code: int, message: str
) -> None:
    ended, printed = ran(fleet, *arguments)

    assert (ended, message in printed) == (code, True), printed


def test_json_names_every_figure_of_every_pair(fleet: Path) -> None:
    page = a_page_file(fleet, dict.fromkeys(WINDOWS, SHORT))

    _, printed = ran(fleet, "--metrics", page, "--json")

    document: dict[str, Any] = json.loads(printed)
    assert document["held_by_nobody"] == {"longest_window": 512, "requests": 120}
    assert [one["pair"] for one in document["pairs"]] == list(WINDOWS)
    assert all(one["freed_bytes"] > 0 for one in document["pairs"])
