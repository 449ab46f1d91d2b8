"""The client programs, by what runs them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.environments import node_program, own_python_program, python_program

SDKS = ("openai_python", "anthropic_python")
OTHERS = ("langchain_client", "litellm_client", "instructor_client", "pydantic_ai_client")
RunClient = Callable[..., None]

CLIENTS = [
    *(pytest.param(own_python_program, name, id=f"{name}-newest") for name in SDKS),
    *(pytest.param(python_program, name, id=name) for name in (*SDKS, *OTHERS)),
    *(pytest.param(node_program, name, id=name) for name in ("openai_node", "ai_sdk")),
]
