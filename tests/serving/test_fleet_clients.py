"""Real clients against the running fleet: chat, Responses and Messages."""

from __future__ import annotations

import pytest

from tests.clients.programs_by_kind import CLIENTS, RunClient
from tests.serving.running_fleet import Fleet

pytestmark = pytest.mark.ray


@pytest.mark.parametrize(("run", "program"), CLIENTS)
def test_a_client_gets_what_it_asks_for(run: RunClient, program: str, fleet: Fleet) -> None:
    run(program, fleet.url)
