from __future__ import annotations

import pytest

from serve_app.state.load import LoadTracker, Replicas
from tests.builders import a_pair


@pytest.fixture
def tracker() -> LoadTracker:
    return LoadTracker([a_pair("a"), a_pair("b")])


def test_a_pair_is_not_ready_until_replicas_are_told(tracker: LoadTracker) -> None:
    assert tracker.view()["a"].ready_replicas == 0

    tracker.set_replicas({"a": Replicas(ready=2, starting=1, maximum=4)})

    load = tracker.view()["a"]
    assert (load.ready_replicas, load.starting_replicas, load.max_replicas) == (2, 1, 4)
    assert load.can_start


def test_a_pair_left_out_of_the_replicas_has_none_any_more(tracker: LoadTracker) -> None:
    tracker.set_replicas({"a": Replicas(ready=1, starting=0, maximum=1)})
    tracker.set_replicas({})

    assert tracker.view()["a"].ready_replicas == 0


def test_a_pair_whose_deployment_has_failed_cannot_start(tracker: LoadTracker) -> None:
    failed = Replicas(ready=0, starting=0, maximum=1, failure="DEPLOY_FAILED")

    tracker.set_replicas({"a": failed, "b": Replicas(ready=0, starting=0, maximum=1)})

    assert (tracker.view()["a"].failure, tracker.view()["a"].can_start) == ("DEPLOY_FAILED", False)
    assert tracker.view()["b"].can_start


def test_own_and_peers_requests_are_added_up(tracker: LoadTracker) -> None:
    tracker.began("a")
    tracker.began("a")
    tracker.set_peers({"a": 3, "b": 1})
    tracker.ended("a")

    view = tracker.view()
    assert (view["a"].in_flight, view["b"].in_flight) == (4, 1)
    assert tracker.own_in_flight() == {"a": 1, "b": 0}


def test_a_request_is_counted_only_while_its_block_runs(tracker: LoadTracker) -> None:
    seen: list[int] = []

    def fail_midway() -> None:
        with tracker.counted("a"):
            seen.append(tracker.view()["a"].in_flight)
            raise KeyError

    with pytest.raises(KeyError):
        fail_midway()

    assert (*seen, tracker.view()["a"].in_flight) == (1, 0)


def test_a_view_does_not_change_after_it_was_taken(tracker: LoadTracker) -> None:
    view = tracker.view()
    tracker.began("a")

    assert view["a"].in_flight == 0


def test_a_deployment_that_is_no_pair_is_ignored(tracker: LoadTracker) -> None:
    tracker.set_replicas({"classifier": Replicas(ready=1, starting=0, maximum=1)})
    tracker.set_peers({"classifier": 7})

    assert set(tracker.view()) == {"a", "b"}
