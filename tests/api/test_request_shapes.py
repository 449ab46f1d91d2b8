"""What vLLM accepts, the router accepts, and what an engine gets of it."""

from __future__ import annotations

import pytest

from tests.api.apps import a_client
from tests.api.request_shape import Shape
from tests.api.request_shapes import SHAPES
from tests.gateways import gateway_under_test

REFUSED = [shape for shape in SHAPES if shape.outcome == "refused"]
PASSED = [shape for shape in SHAPES if shape.outcome != "refused"]


def name(shape: Shape) -> str:
    return shape.name


def test_every_shape_has_its_own_name() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)


@pytest.mark.parametrize("shape", PASSED, ids=name)
def test_an_engine_gets_the_request_as_vllm_takes_it(shape: Shape) -> None:
    under_test = gateway_under_test()

    answer = a_client(under_test).post(shape.path, content=shape.content, headers=shape.headers)

    assert answer.status_code == 200, answer.text
    ((pair, call),) = under_test.engine.calls
    assert dict(call.body) == {**shape.engine_fields, "model": pair}


@pytest.mark.parametrize("shape", REFUSED, ids=name)
def test_a_mistake_is_named_and_asks_no_engine(shape: Shape) -> None:
    under_test = gateway_under_test()

    answer = a_client(under_test).post(shape.path, content=shape.content, headers=shape.headers)

    assert answer.status_code == shape.status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == shape.param
    assert shape.param is None or error["message"].startswith(shape.param)
    assert "Traceback" not in error["message"]
    assert under_test.engine.calls == []
