"""Reading and writing profiles and catalogs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from serve_app.core.catalog import Catalog, Version
from serve_app.core.errors import CatalogInvalid
from serve_app.store.codec import (
    decode_catalog,
    decode_profile,
    decode_version,
    encode_catalog,
    encode_profile,
    encode_version,
    next_version,
    published_version,
)
from tests.catalogs import a_catalog, a_profile


def published(version: str) -> Version:
    return Version(
        version=version,
        published_at="2025-11-22T00:00:00+00:00",
        by="ci",
        pairs=("a", "b"),
        note="weekly run",
        restores="2",
    )


def problems_of(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(CatalogInvalid) as refused:
        decode_profile(text, "here")
    assert refused.value.source == "here"
    return refused.value.problems


def written_profile() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(encode_profile(a_profile()))
    return written


def test_a_profile_is_read_as_it_was_written() -> None:
    assert decode_profile(encode_profile(a_profile()), "here") == a_profile()


def test_equal_profiles_give_equal_text() -> None:
    backwards = replace(a_profile(), capabilities=frozenset(["json_schema", "logprobs", "tools"]))

    assert encode_profile(backwards) == encode_profile(a_profile())


def test_a_catalog_is_read_as_it_was_written() -> None:
    text = encode_catalog(a_catalog("a", "b"), published("3"))

    assert decode_catalog(text, "here") == a_catalog("a", "b", version="3")
    assert json.loads(text)["published_by"] == "ci"
    assert json.loads(text)["published_at"] == "2025-11-22T00:00:00+00:00"


@pytest.mark.parametrize(
    "text", [encode_catalog(a_catalog("a", "b"), published("3")), encode_version(published("3"))]
)
def test_who_published_what_is_read_from_a_catalog_and_from_a_list(text: str) -> None:
    assert decode_version(text, "here") == published("3")


def test_a_list_of_publications_that_is_broken_names_its_place() -> None:
    with pytest.raises(CatalogInvalid, match=r"here.*published_by: got nothing"):
        decode_version(
            '{"version": "3", "published_at": "2025-11-22T00:00:00Z", "profiles": []}', "here"
        )


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("cold_start_s", float("nan"), "cold_start_s: got nan; it should be a finite number"),
        ("cold_start_s", float("inf"), "cold_start_s: got inf; it should be a finite number"),
        ("cold_start_s", -1, "cold_start_s: got -1; it should be greater than or equal to 0"),
        ("cold_start_s", "40", "cold_start_s: got '40'; it should be a valid number"),
        ("cold_start_s", None, "cold_start_s: got None; it should be a valid number"),
        ("context_window", 0, "context_window: got 0; it should be greater than 0"),
        ("context_window", True, "context_window: got True; it should be a valid integer"),
        ("pair", "", "pair: got ''; "),
        ("capabilities", ["flying"], "capabilities[0]: got 'flying'; it should be 'tools', "),
        ("hardware", {}, "hardware.accelerator: got nothing; this field is required"),
        ("latency", [], "latency: got []; it should be an object"),
        ("speed", 3, "speed: got 3; unknown field: remove it, or fix the name"),
    ],
)
def test_a_wrong_field_is_told_with_what_came_and_what_is_allowed(
    field: str, value: object, problem: str
) -> None:
    assert any(
        line.startswith(problem)
        for line in problems_of(json.dumps({**written_profile(), field: value}))
    )


def test_a_number_too_large_for_a_float_is_refused() -> None:
    text = encode_profile(a_profile()).replace('"cold_start_s": 40.0', '"cold_start_s": 1e999')

    assert problems_of(text) == ("cold_start_s: got inf; it should be a finite number",)


def test_every_wrong_cell_is_told_with_its_place() -> None:
    profile = written_profile()
    profile["latency"]["ttft_ms"]["p50"] = [[float("nan"), -5], [0, float("-inf")]]

    assert problems_of(json.dumps(profile)) == (
        "latency.ttft_ms.p50[0][0]: got nan; it should be a finite number",
        "latency.ttft_ms.p50[0][1]: got -5; it should be greater than 0",
        "latency.ttft_ms.p50[1][0]: got 0; it should be greater than 0",
        "latency.ttft_ms.p50[1][1]: got -inf; it should be a finite number",
    )


def test_an_unknown_task_is_one_problem_that_names_the_known_ones() -> None:
    profile = written_profile()
    profile["accuracy"]["poetry"] = profile["accuracy"]["code"]

    (problem,) = problems_of(json.dumps(profile))

    assert problem.startswith("accuracy.poetry: got 'poetry'; it should be 'classification', ")
    assert problem.endswith("'conversation' or it should be 'overall'")


def test_what_only_the_numbers_together_tell_is_refused_as_well() -> None:
    profile = written_profile()
    profile["accuracy"]["code"]["lower"] = 0.9

    assert problems_of(json.dumps(profile)) == ("accuracy.code: lower 0.9 is above mean 0.4",)


def test_a_long_list_of_problems_is_cut_and_counted() -> None:
    profile = written_profile()
    profile["latency"]["ttft_ms"]["p50"] = [[-1] * 30]

    problems = problems_of(json.dumps(profile))

    assert len(problems) == 21
    assert problems[-1] == "and 10 more problems"


@pytest.mark.parametrize("text", ["", "{", "nul", b"\xff\xfe", "[" * 5000])
def test_what_is_no_json_is_told_with_the_line(text: str | bytes) -> None:
    (problem,) = problems_of(text)

    assert "Invalid JSON" in problem
    assert "line 1" in problem


def test_an_unknown_schema_is_refused_before_anything_else_is_read() -> None:
    with pytest.raises(CatalogInvalid) as refused:
        decode_catalog('{"schema": 2, "pairs": {}}', "here")

    assert refused.value.problems == (
        "schema: got 2; it should be 1, the one schema this version reads",
    )


def catalog_problems(**fields: object) -> tuple[str, ...]:
    written = json.loads(encode_catalog(a_catalog("a", "b"), published("3")))
    with pytest.raises(CatalogInvalid) as refused:
        decode_catalog(json.dumps({**written, **fields}), "here")
    return refused.value.problems


def test_a_catalog_without_profiles_is_refused() -> None:
    (problem,) = catalog_problems(profiles=[])

    assert problem.startswith("profiles: got []; ")


def test_a_catalog_with_a_pair_twice_is_refused() -> None:
    profile = written_profile()

    assert catalog_problems(profiles=[profile, profile]) == (
        "profiles[1]: pair 'small-bf16' is also in profiles[0]; keep one of them",
    )


def test_an_unsound_profile_in_a_catalog_is_named_by_place_and_pair() -> None:
    profile = written_profile()
    profile["latency"]["concurrency"] = [4, 1]

    (problem,) = catalog_problems(profiles=[profile])

    assert problem.startswith("profiles[0] (small-bf16) latency.concurrency: [4, 1] must be")


def test_a_publication_time_without_a_zone_is_refused() -> None:
    (problem,) = catalog_problems(published_at="2025-11-22T00:00:00")

    assert problem.startswith("published_at: got '2025-11-22T00:00:00'; it should have timezone")


def test_a_catalog_nobody_could_read_is_not_written() -> None:
    never_priced = replace(a_profile(), cold_start_s=float("nan"))

    with pytest.raises(CatalogInvalid, match=r"profiles\[0\]\.cold_start_s: got nan"):
        encode_catalog(Catalog.of("x", [never_priced]), published("4"))


@pytest.mark.parametrize(
    ("taken", "following"),
    [([], "1"), (["9", "10"], "11"), (["files-12ab", None, "", "2.5"], "1"), (["v3", "2"], "3")],
)
def test_the_next_version_is_above_every_number_taken(
    taken: list[str | None], following: str
) -> None:
    assert next_version(taken) == following


@pytest.mark.parametrize("text", [None, "", "{", '{"schema": 1, "version": 4}', '{"version": "4"}'])
def test_a_text_that_is_no_catalog_has_no_version(text: str | None) -> None:
    assert published_version(text) is None
