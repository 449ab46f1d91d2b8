"""The summary table's cells."""

from __future__ import annotations

import pytest

from profiles.reports.formatting import MINUS, MISSING, duration, listed, plain, points, size, usd
from profiles.reports.summary import summary
from serve_app.core.catalog import Catalog
from serve_app.core.profile import Profile
from tests.builders import a_catalog
from tests.profiles.reports.samples import LONG, NASTY, a_full_profile, a_plain_profile


def cells(*profiles: Profile, prompt_tokens: int = 512) -> dict[str, tuple[str, ...]]:
    groups = summary(a_catalog(*profiles), prompt_tokens=prompt_tokens)
    return {row.label: row.cells for group in groups for row in group.rows}


def test_every_row_has_a_cell_per_pair() -> None:
    rows = cells(a_full_profile("one"), a_plain_profile("two"), a_full_profile("three"))

    assert {len(row) for row in rows.values()} == {3}


def test_what_a_profile_does_not_say_is_shown_as_missing() -> None:
    rows = cells(a_plain_profile())

    for label in ("Weights loaded", "KV cache, tokens", "Parent", "Change against the parent"):
        assert rows[label] == (MISSING,), label


def test_prices_are_those_that_the_router_charges() -> None:
    catalog: Catalog = a_catalog(a_full_profile())
    price = catalog.prices["small-w8a8"]

    assert cells(a_full_profile())["USD per million tokens out"] == (usd(price.usd_per_mtok_out),)


def test_latency_is_that_of_the_nearest_measured_length_and_says_so() -> None:
    there, elsewhere = cells(a_full_profile(), a_plain_profile())["TTFT at lowest load, ms"]

    assert "tokens" not in there
    assert elsewhere.endswith("(at 128 tokens)")


def test_a_change_against_the_parent_has_sign_and_interval() -> None:
    (told,) = cells(a_full_profile())["Change against the parent"]

    assert told == f"{MINUS}2.0 points ({MINUS}3.5 to {MINUS}0.5)"


def test_an_upper_end_that_is_not_known_is_not_made_up() -> None:
    known, unknown = cells(a_full_profile(), a_plain_profile())["Overall"]

    assert "75.0" in known
    assert "or more" in unknown


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (usd(0), "0"),
        (usd(0.00581234), "0.00581"),
        (usd(1.2), "1.2"),
        (usd(12_345.6), "12,346"),
        (duration(800), "800 ms"),
        (duration(4_052), "4.05 s"),
        (size(163_226_688), "163 MB"),
        (size(999), "999 B"),
        (points(0.0004), "0.0"),
        (points(0.02), "+2.0"),
        (listed(["a"]), "a"),
        (listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_numbers_and_lists_read_well(told: str, expected: str) -> None:
    assert told == expected


def test_names_lose_what_does_not_print_and_stay_short() -> None:
    assert "\x00" not in plain(NASTY)
    assert "\n" not in plain(NASTY)
    assert len(plain(LONG)) <= 60
