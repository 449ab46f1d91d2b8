"""`quantroute tune weights` from outcome files to weights that a fleet file takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from serve_app.adapters.success_artifact import save_artifact
from serve_app.cli import cli
from serve_app.core.policy import Weights
from serve_app.settings import parse_args
from serve_app.settings.models import PRESETS
from tests.outcomes import outcome_file, trained
from tests.paths import REPOSITORY

FLEET = REPOSITORY / "serve_config.yaml"
EMBEDDED = {
    "small": "smollm2-135m-w4a16",
    "middle": "smollm2-135m-w8a8",
    "large": "smollm2-135m-bf16",
}
PRICES = {"small": 0.1, "middle": 0.3, "large": 1.0}


def ran(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["tune", "weights", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def priced(folder: Path, *arguments: str | Path) -> list[str | Path]:
    """Files and a model that has not seen them, so that nothing has to be trained."""
    (folder / "prices.json").write_text(json.dumps(PRICES))
    save_artifact(folder / "model.npz", trained())
    files = outcome_file(folder, 300, seed=11)
    return [files, "--prices", folder / "prices.json", "--model", folder / "model.npz", *arguments]


def of_the_fleet(folder: Path, count: int) -> Path:
    """The same outcomes, of the embedded fleet's pairs."""
    file = outcome_file(folder, count)
    header, rows = file.read_text().split("\n", 1)
    for made_up, pair in EMBEDDED.items():
        header = header.replace(made_up, pair)
    file.write_text(f"{header}\n{rows}")
    return file


def weights_in(block: str) -> dict[str, Any]:
    """What the fleet file's settings make of a printed block."""
    args = yaml.safe_load(FLEET.read_text())["applications"][0]["args"]
    args["routing"].update(yaml.safe_load(block)["routing"])
    return dict(parse_args(args).routing.policy.weights)


def test_the_printed_block_loads_as_the_fleets_settings_with_these_weights(tmp_path: Path) -> None:
    code, printed, _ = ran(*priced(tmp_path, "--json"))
    document = json.loads(printed)
    assert code == 0
    loaded = weights_in(document["yaml"])
    assert loaded == {name: Weights(**one) for name, one in document["weights"].items()}
    assert loaded != dict(PRESETS)
    assert loaded["batch"] == Weights(**document["presets"]["batch"]["weights"])
    assert loaded["chat"] == PRESETS["chat"]
    assert document["untuned"] == ["chat"]


def test_a_terminal_shows_advice_curve_and_block(tmp_path: Path) -> None:
    code, printed, told = ran(*priced(tmp_path))
    assert code == 0
    assert "300 prompts, reference pair large" in printed
    assert "batch: least cost with at most 0.3 points of accuracy lost" in printed
    assert "accuracy over cost, the curve of batch: answered right" in printed
    assert "latency is not known without a fleet's profiles" in printed
    assert "FP8 activations is not known without --fleet" in printed
    block = printed[printed.index("routing:\n") :]
    assert weights_in(block)["chat"] == PRESETS["chat"]
    assert "weighs 300 prompts" in told


def test_routing_saves_cost_where_the_cheap_pair_is_as_good(tmp_path: Path) -> None:
    _, printed, _ = ran(*priced(tmp_path, "--lose", "0.1", "--json"))
    batch = json.loads(printed)["presets"]["batch"]
    assert batch["aside"]["change"] > -0.15
    assert batch["aside"]["cost_share"] < 0.9
    ratios = [point["ratio"] for point in batch["curve"]]
    assert (ratios[0], ratios[-1]) == (0.0, None)


def test_curves_are_drawn_as_png_and_svg(tmp_path: Path) -> None:
    for name, opening in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        code, _, _ = ran(*priced(tmp_path, "--plot", tmp_path / name))
        assert code == 0
        assert (tmp_path / name).read_bytes().startswith(opening)


def test_a_fleet_is_tuned_with_its_own_prices_latencies_and_reference(tmp_path: Path) -> None:
    file = of_the_fleet(tmp_path, 420)
    code, printed, told = ran(file, "--fleet", FLEET, "--folds", "2", "--json")
    document = json.loads(printed)
    assert code == 0, told
    assert document["reference_pair"] == EMBEDDED["large"]
    assert document["presets"].keys() == {"batch", "balanced", "quality", "chat"}
    assert document["untuned"] == []
    chat = document["presets"]["chat"]
    assert chat["saved"] == "latency"
    assert (
        chat["curve"][0]["result"]["total_ms"] < document["marks"]["the reference pair"]["total_ms"]
    )
    assert document["numeric_guard"]["fp8_pairs"] == []
    assert weights_in(document["yaml"]).keys() == PRESETS.keys()


def test_outcomes_of_the_profiler_are_taken_together(tmp_path: Path) -> None:
    files = sorted((REPOSITORY / "profiles/data").rglob("*.outcomes.jsonl"))
    code, printed, _ = ran(*files, "--fleet", FLEET, "--folds", "2")
    assert code == 0
    assert "507 prompts, reference pair smollm2-135m-bf16" in printed
    assert "numeric guard: no pair has FP8 activations" in printed


def test_a_model_of_the_same_file_is_refused(tmp_path: Path) -> None:
    CliRunner().invoke(
        cli,
        ["train", str(outcome_file(tmp_path, 300)), "--folds", "0", "--out", f"{tmp_path}/m.npz"],
    )
    (tmp_path / "prices.json").write_text(json.dumps(PRICES))
    code, _, told = ran(
        *(tmp_path / "outcomes.csv", "--model", tmp_path / "m.npz"),
        *("--prices", tmp_path / "prices.json"),
    )
    assert code == 1
    assert "was trained on outcomes.csv itself" in told


@pytest.mark.parametrize(
    ("count", "options", "said"),
    [
        pytest.param(60, ["--prices", "PRICES"], "60 prompts are too few to tune on", id="few"),
        pytest.param(60, [], "no price of small, middle, large", id="no price"),
        pytest.param(
            60, ["--prices", "PRICES", "--reference", "huge"], "no outcomes of 'huge'", id="pair"
        ),
        pytest.param(60, ["--fleet", str(FLEET)], "'smollm2-135m-bf16' is missing", id="foreign"),
        pytest.param(60, ["--fleet", "/none.yaml"], "/none.yaml: cannot be read", id="no fleet"),
    ],
)
def test_what_cannot_be_tuned_is_told(
    tmp_path: Path, count: int, options: list[str], said: str
) -> None:
    (tmp_path / "prices.json").write_text(json.dumps(PRICES))
    named = [option.replace("PRICES", str(tmp_path / "prices.json")) for option in options]
    code, _, told = ran(outcome_file(tmp_path, count), *named)
    assert code == 1
    assert said in told


def test_one_pair_alone_leaves_nothing_to_weigh(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("prompt,mixtral-8x7b\na,1\nb,0\n")
    code, _, told = ran(tmp_path / "one.csv")
    assert code == 1
    assert "outcomes of 'mixtral-8x7b' alone" in told


@pytest.mark.parametrize(
    "options",
    [
        ["--fleet", str(FLEET), "--prices", "p.json"],
        ["--fleet", str(FLEET), "--reference", "large"],
        ["--plot", "curve.pdf"],
        ["--floors", "much"],
        ["--folds", "1"],
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, options: list[str]) -> None:
    code, _, _ = ran(outcome_file(tmp_path, 10), *options)
    assert code == 2
