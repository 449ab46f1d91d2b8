"""pydantic-ai: agents over chat completions, Responses and Messages."""

import asyncio
from collections.abc import Callable

from anthropic import AsyncAnthropic
from asked import OVERLONG, Asked, run
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


class Capital(BaseModel):
    city: str


async def _check(asked: Asked, model: Callable[[str], Model]) -> None:
    agent = Agent(model("auto"), model_settings={"max_tokens": 16}, instructions="Be brief")
    ran = await agent.run("Hi")
    assert ran.output
    async with agent.run_stream("Hi") as stream:
        assert "".join([part async for part in stream.stream_text(delta=True)])
    writer = Agent(model(asked.result), output_type=Capital, retries=0)
    try:
        structured = await writer.run("A capital", model_settings={"max_tokens": 64})
    except UnexpectedModelBehavior:
        # A real model of this size may miss the schema.
        if asked.exact:
            raise
    else:
        assert not asked.exact or structured.output == Capital(city="Paris")
    status = None
    try:
        await agent.run(OVERLONG)
    except ModelHTTPError as error:
        status = error.status_code
    assert status == 400


def chat(asked: Asked) -> None:
    provider = OpenAIProvider(base_url=asked.v1, api_key="none")
    asyncio.run(_check(asked, lambda name: OpenAIChatModel(name, provider=provider)))


def responses(asked: Asked) -> None:
    provider = OpenAIProvider(base_url=asked.v1, api_key="none")
    asyncio.run(_check(asked, lambda name: OpenAIResponsesModel(name, provider=provider)))


def messages(asked: Asked) -> None:
    sdk = AsyncAnthropic(base_url=asked.url, api_key="none", max_retries=0)
    provider = AnthropicProvider(anthropic_client=sdk)
    asyncio.run(_check(asked, lambda name: AnthropicModel(name, provider=provider)))


run(chat, responses, messages)
