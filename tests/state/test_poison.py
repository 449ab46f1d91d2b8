from __future__ import annotations

from serve_app.state.poison import PoisonRecord

BOTH = ("a", "b")


def test_a_request_that_breaks_two_pairs_is_to_blame_however_often_it_comes() -> None:
    record = PoisonRecord(BOTH, limit=2)

    assert all(record.is_to_blame(7, BOTH) for _ in range(10))


def test_more_different_requests_than_the_limit_show_that_the_pairs_are_broken() -> None:
    record = PoisonRecord(BOTH, limit=2)

    assert [record.is_to_blame(request, BOTH) for request in (1, 2, 3)] == [True, True, False]


def test_a_whole_answer_shows_that_a_pair_works() -> None:
    record = PoisonRecord(BOTH, limit=1)
    record.is_to_blame(1, BOTH)
    for pair in BOTH:
        record.answered(pair)

    assert record.is_to_blame(2, BOTH)
