"""The documentation names what there is: folders, settings, metrics, rules, weights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client import CollectorRegistry

from serve_app.api.routing_options import HEADERS
from serve_app.core.breaker import BreakerSettings
from serve_app.core.decision import Rule
from serve_app.core.policy import PairPolicy, PublishedPolicy
from serve_app.core.profile import Hardware, Quantization
from serve_app.core.request import Constraints
from serve_app.serving.llm_config import engine_kwargs
from serve_app.settings import (
    AppArgs,
    ClassifierSettings,
    FeedbackSettings,
    IngressSettings,
    PairSettings,
    ReplicaSettings,
    RetryBudgetSettings,
    RoutingSettings,
    ShadowSettings,
    StoreSettings,
)
from serve_app.settings.config_file import read_config
from serve_app.settings.models import PRESETS
from serve_app.telemetry.request_metrics import PrometheusEvents
from tests.paths import REPOSITORY

DOCS = REPOSITORY / "docs"
PACKAGES = ("serve_app", "profiles")
SETTINGS: dict[str, Any] = {
    "args": AppArgs,
    "pairs[]": PairSettings,
    "pairs[].quantization": Quantization,
    "pairs[].hardware": Hardware,
    "replicas": ReplicaSettings,
    "routing": RoutingSettings,
    "routing.breaker": BreakerSettings,
    "routing.retry_budget": RetryBudgetSettings,
    "routing.defaults": Constraints,
    "ingress": IngressSettings,
    "classifier": ClassifierSettings,
    "store": StoreSettings,
    "feedback": FeedbackSettings,
    "feedback.shadow": ShadowSettings,
}
REQUIRED = "required"


def page(name: str) -> str:
    return (DOCS / name).read_text()


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next one."""
    _, found, rest = text.partition(f"# {title}\n")
    assert found, f"there is no heading {title!r}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each table row that opens with code."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def defaults(settings: Any) -> dict[str, object]:
    """The fields of a settings class with their defaults, and those that need a value."""
    given = {
        f.name: f.default if f.default_factory is MISSING else f.default_factory()
        for f in fields(settings)
    }
    return {name: REQUIRED if value is MISSING else value for name, value in given.items()}


def packages() -> list[str]:
    """Every folder with modules in it."""
    found = (path.parent for p in PACKAGES for path in (REPOSITORY / p).rglob("__init__.py"))
    return sorted(str(folder.relative_to(REPOSITORY)) for folder in found)


def test_every_folder_has_its_row_in_the_architecture() -> None:
    text = page("understand/architecture.md")
    halves = (section(text, "The online half"), section(text, "The offline half"))

    assert sorted(code(cells[0])[0] for half in halves for cells in rows(half)) == packages()


@pytest.mark.parametrize(("block", "settings"), list(SETTINGS.items()), ids=list(SETTINGS))
def test_every_setting_is_described_with_its_default(block: str, settings: Any) -> None:
    described = {
        code(cells[0])[0]: cells[2].strip("`")
        for cells in rows(section(page("use/configuration.md"), f"`{block}`"))
    }
    actual = defaults(settings)

    assert list(described) == list(actual)
    for name, default in actual.items():
        if default is None or isinstance(default, bool | int | float | str):
            told = described[name]
            assert (told if told == REQUIRED else json.loads(told)) == default, name


def test_every_kind_of_block_is_described() -> None:
    described = set(SETTINGS.values())
    for settings in described:
        kinds = {type(value) for value in defaults(settings).values()}
        assert {kind for kind in kinds if is_dataclass(kind)} <= described


def test_the_shipped_weights_are_those_described() -> None:
    described = {
        code(cells[0])[0]: tuple(float(cell) for cell in cells[1:])
        for cells in rows(section(page("use/configuration.md"), "`routing.weights`"))
    }

    assert described == {name: (w.accuracy, w.latency, w.cost) for name, w in PRESETS.items()}


def test_the_gpu_example_is_a_fleet_that_would_start(tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```yaml\n(.*?)```", section(page("use/configuration.md"), "A GPU fleet"), re.DOTALL
    )
    file = tmp_path / "gpu.yaml"
    file.write_text(example)

    half, whole, two = read_config(file).args.pairs

    assert engine_kwargs(half)["gpu_memory_utilization"] < 0.5
    assert "gpu_memory_utilization" not in engine_kwargs(whole)
    assert engine_kwargs(two)["tensor_parallel_size"] == 2


def test_every_metric_is_listed() -> None:
    registry = CollectorRegistry()
    PrometheusEvents(registry)
    exported = {m.name + ("_total" if m.type == "counter" else "") for m in registry.collect()}

    listed = {
        code(cells[0])[0] for cells in rows(section(page("operate/operations.md"), "Metrics"))
    }

    assert listed == exported


def test_every_metric_that_any_page_names_exists() -> None:
    registry = CollectorRegistry()
    PrometheusEvents(registry)
    exported = {m.name + ("_total" if m.type == "counter" else "") for m in registry.collect()}

    for path in DOCS.rglob("*.md"):
        assert set(re.findall(r"quantroute_[a-z_]+", path.read_text())) <= exported, path.name


def test_every_variable_that_serve_sets_for_ray_is_described() -> None:
    source = (REPOSITORY / "serve_app" / "launch" / "ray_process.py").read_text()
    variables = set(re.findall(r'"((?:RAY|PYTHON)\w+)"', source))

    described = code(section(page("use/configuration.md"), "Environment variables"))

    assert variables
    assert variables <= set(described)


def test_every_rule_that_rejects_a_pair_is_explained() -> None:
    explained = [
        rule
        for cells in rows(section(page("operate/operations.md"), "Reading a refusal"))
        for rule in code(cells[0])
    ]

    assert explained == list(get_args(Rule))


def test_every_routing_header_is_described() -> None:
    described = {
        code(cells[0])[0].encode(): code(cells[1])[0]
        for cells in rows(section(page("use/http.md"), "What a request may ask"))
    }

    assert described == HEADERS


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), *REPOSITORY.glob("*.md")]
    for path in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_decision_record_is_in_the_index() -> None:
    records = {path.name for path in (DOCS / "decisions").glob("[0-9]*.md")}

    assert set(re.findall(r"\]\((\d[^)]+)\)", page("decisions/README.md"))) == records


def test_the_fields_of_a_policy_are_documented() -> None:
    described = [code(row[0])[0] for row in rows(section(page("operate/profiles.md"), "Policies"))]

    stated = [field.name for kind in (PublishedPolicy, PairPolicy) for field in fields(kind)]
    assert described[: len(stated)] == stated
