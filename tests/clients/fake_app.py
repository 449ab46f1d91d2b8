"""The router over the shipped fake engine, behind a real port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from serve_app.testing import FakeEngine, Script
from tests.api.apps import an_app
from tests.builders import a_catalog, a_pair, a_profile
from tests.gateways import gateway_under_test
from tests.http_server import serving

CITY = ('{"city":', ' "Paris"}')
# A pair per behaviour. Clients name it as the model. `auto` takes the first, which costs least.
SCRIPTS = {
    "plain": Script(),
    "writes-json": Script(tokens=CITY),
    "calls-weather": Script(tokens=CITY, calls_tool="get_weather"),
    "calls-capital": Script(tokens=CITY, calls_tool="Capital"),
    "calls-result": Script(tokens=CITY, calls_tool="final_result"),
    "embeds": Script(),
}
ARGUMENTS = (
    *("--weather", "calls-weather", "--capital", "calls-capital", "--result", "calls-result"),
    *("--json", "writes-json", "--exact"),
)


@contextmanager
def fake_router() -> Iterator[str]:
    """The address of the router."""
    generating = [name for name in SCRIPTS if name != "embeds"]
    pairs = [a_pair(name, model=f"model-{name}") for name in generating]
    pairs.append(a_pair("embeds", model="embedder", serves="embed"))
    prices = {name: 0.1 if name == "plain" else 1.0 for name in SCRIPTS}
    profiles = (a_profile(name, usd_per_hour=usd) for name, usd in prices.items())
    under_test = gateway_under_test(
        pairs=pairs, catalog=a_catalog(*profiles), engine=FakeEngine(SCRIPTS)
    )
    with serving(an_app(under_test, body_limit_bytes=1_000_000)) as url:
        yield url
