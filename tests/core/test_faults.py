"""The rows of the table in `docs/understand/faults.md`: which error is of which kind."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from serve_app.core.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLate,
    EngineRejected,
    EngineSilent,
)
from serve_app.core.faults import CONSEQUENCES, FaultKind, error_of_reply, kind_of
from tests.paths import REPOSITORY


def rejected(message: str, status: int = 400) -> EngineRejected:
    return EngineRejected("a", status, message, "BadRequestError", None)


REQUEST = (
    "`tools` must not be an empty array.",
    "the engine cannot read the request: KeyError: 'function'",
    "prompt contains out-of-vocab token ids. Vocabulary size: 49152",
    "Grammar error: failed to parse the grammar",
    "min_p must be in [0, 1], got 7.5.",
)
PAIR = (
    "This model's maximum context length is 2048 tokens. However, you requested 2100",
    "Input length (5000) exceeds model's maximum context length (2048).",
    "The decoder prompt (length 3000) is longer than the maximum model length of 2048.",
    "max_tokens=9000 cannot be greater than max_model_len=2048. Please request fewer.",
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    "default chat template is no longer allowed, so you must provide a chat template",
    "small-text-model is not a multimodal model",
    "At most 0 image(s) may be provided in one prompt.",
    "This model does not support the 'generate' task.",
    "Requested sample logprobs of 30, which is greater than max allowed: 20",
)


@pytest.mark.parametrize("message", REQUEST)
def test_a_refusal_that_names_no_limit_of_the_pair_is_the_requests_fault(message: str) -> None:
    assert kind_of(rejected(message)) == "request"


@pytest.mark.parametrize("message", PAIR)
def test_a_refusal_for_what_the_pair_lacks_is_of_this_pair(message: str) -> None:
    assert kind_of(rejected(message)) == "pair"


@pytest.mark.parametrize("status", [401, 403, 404, 501])
def test_a_wrong_key_or_an_unknown_name_at_the_engine_is_of_this_pair(status: int) -> None:
    assert kind_of(rejected("no", status)) == "pair"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EngineBusy("a"), "capacity"),
        (rejected("slow down", 429), "capacity"),
        (EngineLate("a", "it gave nothing in time"), "late"),
        (EngineFailed("a", "RayActorError"), "broken"),
        (EngineSilent("a", "it gave nothing"), "broken"),
    ],
)
def test_every_other_error_has_its_kind(error: EngineError, kind: FaultKind) -> None:
    assert kind_of(error) == kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad regex", "request"),
        (422, "the image cannot be read", "request"),
        (400, "Client disconnected", "capacity"),
        (429, "slow down", "capacity"),
        (503, "The engine is currently busy", "capacity"),
        (501, "not implemented", "pair"),
        (500, "EngineCore encountered an issue.", "broken"),
        (502, "bad gateway", "broken"),
    ],
)
def test_an_engines_error_reply_is_read_by_its_status(
    status: int, message: str, kind: FaultKind
) -> None:
    assert kind_of(error_of_reply("a", status, message, "SomeError", None)) == kind


def test_the_documentation_has_a_row_with_the_consequences_of_every_kind() -> None:
    page = (REPOSITORY / "docs" / "understand" / "faults.md").read_text()
    described = {
        kind: (next_pair, counts)
        for kind, next_pair, counts in re.findall(
            r"^\| `(\w+)` \|.*\| (yes|no) \| (yes|no) \|$", page, re.MULTILINE
        )
    }

    assert described == {
        kind: ("yes" if one.next_pair else "no", "yes" if one.counts else "no")
        for kind, one in CONSEQUENCES.items()
    }
    assert set(described) == set(get_args(FaultKind))
