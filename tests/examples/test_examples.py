"""Every example runs as its reader would run it, against the application on a real port."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette

from serve_app.api.app import Lifespan
from serve_app.core.errors import EngineFailed
from serve_app.testing import Script
from tests.api.apps import an_app
from tests.gateways import GatewayUnderTest, gateway_under_test
from tests.http_server import serving
from tests.paths import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


def background_of(under_test: GatewayUnderTest) -> Lifespan:
    """Runs what runs beside the requests, as an ingress replica does."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        running = [asyncio.ensure_future(job) for job in under_test.background()]
        yield
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    return lifespan


@pytest.fixture
def under_test() -> GatewayUnderTest:
    return gateway_under_test()


def run(example: str, under_test: GatewayUnderTest) -> str:
    """What an example prints."""
    with serving(an_app(under_test, lifespan=background_of(under_test))) as url:
        command = [sys.executable, str(EXAMPLES / example), f"{url}/v1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_openai_client_gets_an_answer_and_a_refusal(under_test: GatewayUnderTest) -> None:
    printed = run("openai_client.py", under_test)

    assert "answer: Hello world" in printed
    assert "pair: cheap" in printed
    assert "refused: infeasible_constraints" in printed


def test_a_stream_prints_its_tokens_and_its_cost(under_test: GatewayUnderTest) -> None:
    text, told = run("streaming.py", under_test).splitlines()

    assert text == "Hello world"
    assert told.startswith("2 tokens by cheap")


def test_a_stream_that_breaks_says_so_after_its_tokens(under_test: GatewayUnderTest) -> None:
    under_test.engine.scripts["cheap"] = Script(error=EngineFailed("cheap", "oom"), error_at=1)

    text, told = run("streaming.py", under_test).splitlines()

    assert text == "Hello"
    assert told.startswith("broke off: ")


def test_a_decision_is_explained_without_asking_a_model(under_test: GatewayUnderTest) -> None:
    printed = run("explain_a_decision.py", under_test)

    assert "{'preset': 'batch'}: cheap" in printed
    assert "cheap accuracy: >= 0.9999" in printed
    assert under_test.asked_pairs() == []


def test_bad_verdicts_send_the_next_request_elsewhere(under_test: GatewayUnderTest) -> None:
    printed = run("feedback.py", under_test)

    assert "with a floor of 0.89: cheap" in printed
    assert "bad verdicts: dear" in printed
    assert "cheap accuracy: >= 0.89" in printed
    assert "by feedback" in printed


def test_every_example_is_run_here() -> None:
    source = (REPOSITORY / "tests" / "examples" / "test_examples.py").read_text()

    assert all(f'run("{path.name}"' in source for path in EXAMPLES.glob("*.py"))
