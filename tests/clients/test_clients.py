"""Real clients against the router, with the shipped fake for its engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.fake_app import ARGUMENTS, fake_router
from tests.clients.programs_by_kind import CLIENTS, RunClient


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with fake_router() as address:
        yield address


@pytest.mark.parametrize(("run", "program"), CLIENTS)
def test_a_client_gets_what_it_asks_for(run: RunClient, program: str, url: str) -> None:
    run(program, url, *ARGUMENTS)
