"""A real Ray Serve application with two ingress replicas and fakes for engines.

Its success model learned from the answers of two of the pairs; the third was added to it from its
profile alone. Beside it runs an application whose success model is of another feature version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from typer.testing import CliRunner

from profiles.cli import cli
from serve_app.bench.fleet_run import BenchApp, running, small_pair
from serve_app.classifier.model_file import load_artifact, save_artifact
from serve_app.classifier.text_features import FEATURE_VERSION
from tests.paths import REPOSITORY, SMOLLM2_PROFILES
from tests.waiting import GIVE_UP_S

PAIRS = ("smollm2-135m-bf16", "smollm2-135m-w8a8", "smollm2-135m-w4a16")
TRAINED, ADDED = PAIRS[:2], PAIRS[2]
REFUSED = "/refused"
PROFILES = SMOLLM2_PROFILES / "smollm2-135m-instruct"
NO_CONSTRAINTS = {"min_accuracy": None, "latency_budget_ms": None, "preset": "batch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    url: str
    log: Path

    def post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        return httpx2.post(f"{self.url}{path}", json=body, timeout=GIVE_UP_S)

    def answered(
        self, model: str, prompt: str = "Hello there!", *, application: str = ""
    ) -> httpx2.Response:
        return self.post(f"{application}/v1/chat/completions", _asking(prompt, model))

    def route(self, prompt: str, *, application: str = "", **routing: Any) -> dict[str, Any]:
        """The decision, and the ingress replica that took it."""
        body = {**_asking(prompt), "routing": {**NO_CONSTRAINTS, **routing}}
        reply = self.post(f"{application}/v1/route", body)
        assert reply.status_code == 200, reply.text
        decision: dict[str, Any] = reply.json()
        return decision | {"replica": reply.headers["x-quantroute-replica"]}

    def routes_by_replica(self, prompt: str, **routing: Any) -> dict[str, dict[str, Any]]:
        """The decision of every replica that a few requests reach."""
        decisions = [self.route(prompt, **routing) for _ in range(8)]
        return {decision["replica"]: decision for decision in decisions}

    def metric(self, name: str, *, application: str = "") -> float:
        """The sample of that name and labels, of the ingress replica that answers; 0 for none."""
        lines = httpx2.get(f"{self.url}{application}/metrics", timeout=GIVE_UP_S).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def fake_engine_fleet(folder: Path) -> Iterator[Fleet]:
    good, refused = _models(folder)
    log = folder / "graded"
    feedback = {"log": str(log), "shadow_weight": 0.1, "shadow": {"share": 1.0}}
    apps = [
        _application("quantroute", "/", _args(PAIRS, good, replicas=2) | {"feedback": feedback}),
        _application("refused", REFUSED, _args(PAIRS[:2], refused, replicas=1)),
    ]
    with running(apps) as url:
        yield Fleet(url=url, log=log)


def predicted(decision: dict[str, Any], pair: str) -> dict[str, Any]:
    candidates = (*decision["ranked"], *decision["best_effort"])
    found: dict[str, Any] = next(c["prediction"] for c in candidates if c["pair"] == pair)
    return found


def _models(folder: Path) -> tuple[Path, Path]:
    """One with the third pair added from its profile, one of another feature version."""
    trained, grown, refused = (folder / name for name in ("trained.npz", "grown.npz", "old.npz"))
    outcomes = [PROFILES / f"{pair}@CPU.outcomes.jsonl" for pair in TRAINED]
    profile = PROFILES / f"{ADDED}@CPU.json"
    questions = REPOSITORY / "profiles" / "golden" / "starter.jsonl"
    _run("train", *outcomes, "--out", trained, "--folds", "0")
    _run("add-pair", trained, "--profile", profile, "--questions", questions, "--out", grown)
    artifact = load_artifact(grown)
    old = replace(artifact.header, feature_version=FEATURE_VERSION + 1)
    save_artifact(refused, replace(artifact, header=old))
    return grown, refused


def _run(*arguments: str | Path) -> None:
    ran = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert ran.exit_code == 0, ran.output


def _application(name: str, route_prefix: str, args: dict[str, Any]) -> BenchApp:
    return BenchApp(
        name=name,
        import_path="serve_app.bench.fake_fleet:build_app",
        route_prefix=route_prefix,
        probe=f"{route_prefix.rstrip('/')}/ready",
        args=args,
    )


def _args(pairs: tuple[str, ...], model: Path, *, replicas: int) -> dict[str, Any]:
    return {
        "pairs": [small_pair(name, max_concurrency=8) for name in pairs],
        "store": {"url": str(SMOLLM2_PROFILES)},
        "routing": {"reference_pair": PAIRS[0], "static_fallback": PAIRS[0]},
        "ingress": {"replicas": {"min": replicas, "max": replicas}},
        # Who judges is what these tests ask; that a busy machine may be late is not.
        "classifier": {"success_model": str(model), "deadline_ms": 5000},
    }


def _asking(prompt: str, model: str = "auto") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}]}
