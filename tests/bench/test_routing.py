from __future__ import annotations

from serve_app.bench.routing import report, run


def test_the_benchmark_of_routing_times_parsing_and_routing_of_a_long_prompt() -> None:
    result = run(pairs=2, rounds=20)

    assert (result.pairs, result.rounds) == (2, 20)
    assert 900 < result.tokens < 1100
    assert 0 < result.parse_p50_us < result.total_p50_us <= result.total_p99_us
    assert report(result).startswith("routing part, 2 pairs, prompts of ")
