"""langchain-openai: chat completions, and Responses with `use_responses_api`."""

import openai
from asked import OVERLONG, Asked, refused, run
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Capital(BaseModel):
    """A capital."""

    city: str


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def model(asked: Asked, name: str = "auto", *, responses: bool, tokens: int = 8) -> ChatOpenAI:
    return ChatOpenAI(
        model=name,
        base_url=asked.v1,
        api_key="none",
        max_retries=0,
        max_tokens=tokens,
        use_responses_api=responses,
    )


def _check(asked: Asked, *, responses: bool) -> None:
    whole = model(asked, responses=responses).invoke("Hi")
    assert whole.text
    assert whole.usage_metadata["output_tokens"] > 0
    streamed = list(model(asked, responses=responses).stream("Hi"))
    assert "".join(chunk.text for chunk in streamed)
    # A real model of this size calls with what is no object, which LangChain does not take.
    if asked.exact:
        caller = model(asked, asked.weather, responses=responses, tokens=64)
        called = caller.bind_tools([get_weather], tool_choice="required").invoke("Weather?")
        assert called.tool_calls[0]["args"] == {"city": "Paris"}
        writer = model(asked, asked.json, responses=responses, tokens=64)
        structured = writer.with_structured_output(Capital, method="json_schema")
        assert structured.invoke("A capital") == Capital(city="Paris")
    # LangChain's own class for it is below that of OpenAI.
    error = refused(
        openai.BadRequestError, lambda: model(asked, responses=responses).invoke(OVERLONG)
    )
    assert error.code == "context_length_exceeded"


def chat(asked: Asked) -> None:
    _check(asked, responses=False)


def responses(asked: Asked) -> None:
    _check(asked, responses=True)


def embeddings(asked: Asked) -> None:
    client = OpenAIEmbeddings(
        model="auto",
        base_url=asked.v1,
        api_key="none",
        max_retries=0,
        check_embedding_ctx_length=False,
    )
    if asked.exact:
        assert [len(one) for one in client.embed_documents(["Hi", "Hello"])] == [3, 3]
    else:
        refused(openai.BadRequestError, lambda: client.embed_query("Hi"))


run(chat, responses, embeddings)
