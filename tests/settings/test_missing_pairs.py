"""A fleet without some of its pairs: what else the configuration refers to."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from serve_app.settings.config_file import ConfigFile, ConfigFileError, read_config
from serve_app.settings.missing_pairs import leave_out
from tests.paths import REPOSITORY

SHIPPED = REPOSITORY / "serve_config.yaml"
HARDWARE = {"accelerator": "CPU", "count": 1, "usd_per_hour": 1}


def a_pair(name: str, model: str, parent: str | None = None) -> dict[str, object]:
    return {
        "id": name,
        "model": model,
        "checkpoint": f"{name}-checkpoint",
        "parent": parent,
        "quantization": {"name": "bf16", "weight_bits": 16, "activations": "bf16"},
        "hardware": HARDWARE,
        "context_window": 2048,
        "max_concurrency": 8,
    }


@pytest.fixture
def fleet(tmp_path: Path) -> ConfigFile:
    """A small model, and a large one in two precisions that everything refers to."""
    args = {
        "pairs": [
            a_pair("small", "small-model"),
            a_pair("large", "large-model"),
            a_pair("large-int8", "large-model", parent="large"),
        ],
        "routing": {"reference_pair": "large", "static_fallback": "large-int8"},
        "feedback": {"shadow": {"reference_pair": "large"}},
        "reference_tokenizer": "large-checkpoint",
    }
    file = tmp_path / "fleet.yaml"
    application = {"name": "quantroute", "import_path": "serve_app.app:build_app", "args": args}
    file.write_text(yaml.safe_dump({"applications": [application]}))
    return read_config(file)


def test_references_go_to_a_remaining_pair_of_the_same_model(fleet: ConfigFile) -> None:
    rest, changes = leave_out(fleet, {"large"})
    assert [pair.id for pair in rest.args.pairs] == ["small", "large-int8"]
    assert rest.args.routing.reference_pair == "large-int8"
    assert rest.args.feedback.shadow.reference_pair == "large-int8"
    assert rest.args.reference_tokenizer == "large-int8-checkpoint"
    assert rest.args.pairs[1].parent is None
    assert "reference_pair: large-int8 instead of large" in changes
    assert "large-int8.parent: none instead of large" in changes


def test_references_to_a_missing_model_go_to_the_first_remaining_pair(fleet: ConfigFile) -> None:
    rest, _ = leave_out(fleet, {"large", "large-int8"})
    assert rest.args.routing.reference_pair == "small"
    assert rest.args.routing.static_fallback == ("small",)
    assert rest.args.reference_tokenizer == "small-checkpoint"


def test_references_never_go_to_a_pair_that_embeds(fleet: ConfigFile) -> None:
    text = fleet.path.read_text()
    vectors = {**a_pair("vectors", "embedder"), "serves": "embed"}
    application = yaml.safe_load(text)["applications"][0]
    application["args"]["pairs"].insert(0, vectors)
    fleet.path.write_text(yaml.safe_dump({"applications": [application]}))

    rest, _ = leave_out(read_config(fleet.path), {"large", "large-int8"})

    assert rest.args.routing.reference_pair == "small"
    assert rest.args.routing.static_fallback == ("small",)


@pytest.mark.parametrize(
    ("missing", "left", "change"),
    [
        ({"large-int8"}, ("large",), ["static_fallback: large without large-int8"]),
        (
            {"large-int8", "large"},
            ("small",),
            ["static_fallback: small without large-int8, large"],
        ),
        ({"small"}, ("large-int8", "large"), []),
    ],
)
def test_of_several_fallbacks_those_that_remain_stay(
    fleet: ConfigFile, missing: set[str], left: tuple[str, ...], change: list[str]
) -> None:
    text = fleet.path.read_text()
    several = text.replace("static_fallback: large-int8", "static_fallback: [large-int8, large]")
    fleet.path.write_text(several)

    rest, changes = leave_out(read_config(fleet.path), missing)

    assert rest.args.routing.static_fallback == left
    assert [each for each in changes if each.startswith("static_fallback")] == change


def test_references_to_remaining_pairs_stay(fleet: ConfigFile) -> None:
    rest, changes = leave_out(fleet, {"small"})
    assert rest.args.routing == fleet.args.routing
    assert rest.args.feedback == fleet.args.feedback
    assert rest.args.reference_tokenizer == fleet.args.reference_tokenizer
    assert changes == ()


def test_what_runs_is_what_was_checked(fleet: ConfigFile) -> None:
    rest, _ = leave_out(fleet, {"large"})
    assert rest.raw["applications"][0]["args"] == rest.raw_args
    assert fleet.raw_args["routing"]["reference_pair"] == "large"


def test_a_fleet_without_pairs_is_an_error(fleet: ConfigFile) -> None:
    with pytest.raises(ConfigFileError, match="no pair is left"):
        leave_out(fleet, {"small", "large", "large-int8"})


def test_every_pair_of_the_shipped_fleet_can_be_missing() -> None:
    shipped = read_config(SHIPPED)
    assert shipped.args.start_without_missing_weights
    for pair in shipped.args.pairs:
        rest, _ = leave_out(shipped, {pair.id})
        assert len(rest.args.pairs) == len(shipped.args.pairs) - 1
