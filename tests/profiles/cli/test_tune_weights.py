"""`quantroute tune weights` from outcome files to weights that a fleet file takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from profiles.cli import cli
from serve_app.classifier.model_file import save_artifact
from serve_app.core.policy import Weights
from serve_app.settings import parse_args
from serve_app.settings.models import PRESETS
from tests.outcomes import outcome_file, outcomes, trained
from tests.paths import SMOLLM2_FLEET, SMOLLM2_PROFILES

FLEET = SMOLLM2_FLEET
EMBEDDED = {
    "small": "smollm2-135m-w4a16",
    "middle": "smollm2-135m-w8a8",
    "large": "smollm2-135m-bf16",
}
PRICES = {"small": 0.1, "middle": 0.3, "large": 1.0}


def ran(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["tune", "weights", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def of_the_fleet(folder: Path, count: int) -> Path:
    """The same outcomes, of the embedded fleet's pairs."""
    file = outcome_file(folder, count)
    header, rows = file.read_text().split("\n", 1)
    for made_up, pair in EMBEDDED.items():
        header = header.replace(made_up, pair)
    file.write_text(f"{header}\n{rows}")
    return file


def graded_log(folder: Path, count: int, *, keep_prompts: bool = True) -> Path:
    table = outcomes(count)
    lines = [json.dumps({"format": "quantroute-outcomes-1", "items_digest": "requests"})]
    for row, prompt in enumerate(table.prompts):
        asked = ("middle", "large") if row % 2 else ("middle",)
        for name in asked:
            outcome = {
                "pair": EMBEDDED[name],
                "item": f"shadow:{row}",
                "digest": f"digest-{row}",
                "task": "reasoning",
                "difficulty": None,
                "messages": [{"role": "user", "content": prompt}] if keep_prompts else [],
                "answer": None,
                "score": table.scores[row, table.pairs.index(name)],
                "prompt_tokens": 40,
                "completion_tokens": 20,
                "error": None,
            }
            lines.append(json.dumps(outcome))
    (folder / "graded.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "graded.jsonl"


def an_fp8_fleet(folder: Path) -> Path:
    """The embedded fleet, as if one of its pairs multiplied in FP8."""
    document = yaml.safe_load(FLEET.read_text())
    args = document["applications"][0]["args"]
    for pair in args["pairs"]:
        if pair["id"] == EMBEDDED["middle"]:
            pair["quantization"]["activations"] = "fp8"
    args["store"] = {"url": str(SMOLLM2_PROFILES)}
    (folder / "fleet.yaml").write_text(yaml.safe_dump(document))
    return folder / "fleet.yaml"


def weights_in(block: str) -> dict[str, Any]:
    """What the fleet file's settings make of a printed block."""
    args = yaml.safe_load(FLEET.read_text())["applications"][0]["args"]
    args["routing"].update(yaml.safe_load(block)["routing"])
    return dict(parse_args(args).routing.policy.weights)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outcomes, prices, and a model that has not seen them, so that nothing has to be trained."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "prices.json").write_text(json.dumps(PRICES))
    save_artifact(folder / "model.npz", trained())
    outcome_file(folder, 300, seed=11)
    return folder


def priced(folder: Path, *arguments: str | Path) -> str:
    code, printed, told = ran(
        *(folder / "outcomes.csv", "--prices", folder / "prices.json"),
        *("--model", folder / "model.npz", *arguments),
    )
    assert code == 0, told
    return printed


@pytest.fixture(scope="module")
def document(folder: Path) -> dict[str, Any]:
    printed = priced(folder, "--lose", "0.1", "--plot", folder / "a.png", "--json")
    loaded: dict[str, Any] = json.loads(printed)
    return loaded


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return priced(folder, "--plot", folder / "a.svg")


def test_the_printed_block_loads_as_the_fleets_settings_with_these_weights(
    document: dict[str, Any],
) -> None:
    loaded = weights_in(document["yaml"])
    assert loaded == {name: Weights(**one) for name, one in document["weights"].items()}
    assert loaded["batch"] == Weights(**document["presets"]["batch"]["weights"])
    assert loaded["batch"] != PRESETS["batch"]
    assert loaded["chat"] == PRESETS["chat"]
    assert document["untuned"] == ["chat"]


def test_routing_saves_cost_where_the_cheap_pair_is_as_good(document: dict[str, Any]) -> None:
    batch = document["presets"]["batch"]
    assert batch["aside"]["change"] > -0.15
    assert batch["aside"]["cost_share"] < 0.9
    ratios = [point["ratio"] for point in batch["curve"]]
    assert (ratios[0], ratios[-1]) == (0.0, None)


def test_a_terminal_shows_advice_curve_and_block(text: str) -> None:
    assert "300 prompts, reference pair large" in text
    assert "batch: least cost with at most 0.3 points of accuracy lost" in text
    assert "accuracy over cost, the curve of batch: answered right" in text
    assert "latency is not known without a fleet's profiles" in text
    assert "FP8 activations is not known without --fleet" in text
    assert weights_in(text[text.index("routing:\n") :])["chat"] == PRESETS["chat"]


def test_curves_are_drawn_as_png_and_svg(folder: Path, document: dict[str, Any], text: str) -> None:
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "latency" not in (folder / "a.svg").read_text()
    assert "cost, % of the reference pair" in (folder / "a.svg").read_text()


def test_a_fleet_is_tuned_with_its_own_prices_latencies_and_reference(tmp_path: Path) -> None:
    file = of_the_fleet(tmp_path, 420)
    fleet = an_fp8_fleet(tmp_path)
    code, printed, told = ran(file, "--fleet", fleet, "--folds", "2", "--json")
    assert code == 0, told
    document = json.loads(printed)
    assert document["reference_pair"] == EMBEDDED["large"]
    assert document["presets"].keys() == {"batch", "balanced", "quality", "chat"}
    assert document["untuned"] == []
    chat = document["presets"]["chat"]
    assert chat["saved"] == "latency"
    assert (
        chat["curve"][0]["result"]["total_ms"] < document["marks"]["the reference pair"]["total_ms"]
    )
    guard = document["numeric_guard"]
    assert guard["fp8_pairs"] == [EMBEDDED["middle"]]
    assert [point["share"] for point in guard["points"]] == [0.1, 0.2, 0.3, 0.4, 0.5, 1.0]
    assert guard["points"][-1]["kept_off"] == 0
    assert weights_in(document["yaml"]).keys() == PRESETS.keys()


def test_outcomes_of_the_profiler_are_taken_together(tmp_path: Path) -> None:
    files = sorted((SMOLLM2_PROFILES).rglob("*.outcomes.jsonl"))
    code, printed, _ = ran(*files, "--fleet", FLEET, "--folds", "2")
    assert code == 0
    assert "507 prompts, reference pair smollm2-135m-bf16" in printed
    assert "numeric guard: no pair has FP8 activations" in printed


def test_the_routers_log_of_graded_requests_can_be_tuned_on(tmp_path: Path) -> None:
    """One pair answers, and shadow grading asks the reference pair for half of the prompts."""
    log = graded_log(tmp_path, 500)
    code, printed, told = ran(log, "--fleet", FLEET, "--folds", "2")
    assert code == 0, told
    assert "500 prompts, reference pair smollm2-135m-bf16" in printed
    assert "smollm2-135m-w4a16 are pairs of the fleet without outcomes: left out" in printed
    assert "25.0% of the answers were not graded: predicted success counts for them" in printed


def test_a_log_without_prompts_says_how_to_get_them(tmp_path: Path) -> None:
    log = graded_log(tmp_path, 60, keep_prompts=False)
    code, _, told = ran(log, "--fleet", FLEET)
    assert code == 1
    assert "set feedback.log_prompts" in told


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
        pytest.param(60, [], "or name the fleet of these pairs with --fleet", id="price"),
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
    rows = "".join(f"prompt {row},1\n" for row in range(60))
    (tmp_path / "one.csv").write_text(f"prompt,mixtral-8x7b\n{rows}")
    code, _, told = ran(tmp_path / "one.csv")
    assert code == 1
    assert "outcomes of 'mixtral-8x7b' alone" in told


@pytest.mark.parametrize(
    "options",
    [
        ["--fleet", str(FLEET), "--prices", "p.json"],
        ["--fleet", str(FLEET), "--reference", "large"],
        ["--store", "profiles/data"],
        ["--plot", "curve.pdf"],
        ["--floors", "much"],
        ["--folds", "1"],
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, options: list[str]) -> None:
    code, _, _ = ran(outcome_file(tmp_path, 10), *options)
    assert code == 2
