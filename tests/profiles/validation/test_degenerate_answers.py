"""Answers that are none."""

from __future__ import annotations

import pytest

from profiles.validation.answer_checks import is_broken, is_empty, loop_share, loops
from profiles.validation.probe_set import Answer


def an_answer(text: str = "fine", *tokens: int, cut: bool = False) -> Answer:
    return Answer(
        probe="p", topic="t", prompt_ids=(1,), token_ids=tokens or (1, 2, 3), text=text, cut=cut
    )


@pytest.mark.parametrize(
    "tokens",
    [[5] * 20, [1, 2] * 10, [9, 8, 7, *([1, 2, 3, 4] * 6)]],
    ids=["one token", "two in turn", "a sentence after a start"],
)
def test_an_answer_that_repeats_itself_loops(tokens: list[int]) -> None:
    assert loops(an_answer("x", *tokens))


@pytest.mark.parametrize(
    "tokens",
    [list(range(40)), [1, 2, 3, 1, 2, 3], [1, 1, 1], [*range(30), 1, 1, 1, 1, 1, 1, 1, 1]],
    ids=["no repeat", "said twice", "too short to tell", "a short repeat in a long answer"],
)
def test_an_answer_that_goes_on_does_not_loop(tokens: list[int]) -> None:
    assert not loops(an_answer("x", *tokens))


def test_an_answer_without_tokens_has_no_loop() -> None:
    assert loop_share([]) == 0


@pytest.mark.parametrize(("text", "empty"), [("", True), (" \n\t", True), (".", False)])
def test_white_space_alone_is_empty(text: str, *, empty: bool) -> None:
    assert is_empty(an_answer(text)) is empty


def test_bytes_that_are_no_text_are_broken() -> None:
    assert is_broken(an_answer("caf\ufffd au lait"))
    assert not is_broken(an_answer("café"))


def test_a_character_cut_off_at_the_limit_of_tokens_is_not_broken() -> None:
    assert not is_broken(an_answer("caf\ufffd", cut=True))
    assert is_broken(an_answer("caf\ufffd", cut=False))
