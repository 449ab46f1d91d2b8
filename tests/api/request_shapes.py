"""Shapes in which requests come, as plain data: what clients send, and what becomes of it.

The list is sent to a fake engine, which shows what an engine gets, and to a real fleet.
Most of the odd ones are in public reports about vLLM, LiteLLM, Ray Serve and OpenAI's clients.
"""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

from tests.api.request_shape import (
    CALL,
    CALLED,
    COMPLETIONS,
    RESULT,
    SCHEMA,
    USER,
    WEATHER,
    Shape,
    chat,
    engine,
    part,
    refused,
    said,
    served,
    talk,
    text,
)

PLAIN = json.dumps(chat()).encode()
DEFLATER = zlib.compressobj(wbits=-15)
BARE = DEFLATER.compress(PLAIN) + DEFLATER.flush()
OF_TEXT: dict[str, Any] = {"path": COMPLETIONS}

NO_TOOLS = (
    served("tools is empty", chat(tools=[]), "tools"),
    served("tools is null", chat(tools=None), "tools"),
    served("tool_choice auto without tools", chat(tool_choice="auto"), "tool_choice"),
    served("tool_choice none without tools", chat(tool_choice="none"), "tool_choice"),
    served(
        "tool_choice auto with empty tools",
        chat(tools=[], tool_choice="auto", parallel_tool_calls=False),
        "tools",
        "tool_choice",
    ),
    served("functions and function_call", chat(functions=[], function_call="auto")),
    served("completions with empty tools", text(tools=[]), "tools", **OF_TEXT),
    served(
        "tool_calls is empty",
        talk({"role": "assistant", "content": "Hello", "tool_calls": []}, USER),
        changed={"messages": [{"role": "assistant", "content": "Hello"}, USER]},
    ),
    refused("tool_choice required without tools", chat(tool_choice="required"), "tool_choice"),
    refused(
        "tool_choice names a tool and tools is empty",
        chat(tools=[], tool_choice={"type": "function", "function": {"name": "weather"}}),
        "tool_choice",
    ),
    refused("tools is an object", chat(tools={}), "tools"),
    refused("tools holds a text", chat(tools=["weather"]), "tools[0]"),
)
TOOLS = (
    served("a tool", chat(tools=[WEATHER]), needs="tools"),
    served("a tool without type", chat(tools=[{"function": WEATHER["function"]}]), needs="tools"),
    served("tool_choice none with a tool", chat(tools=[WEATHER], tool_choice="none")),
    served(
        "tool_choice null with a tool",
        chat(tools=[WEATHER], tool_choice=None),
        "tool_choice",
        needs="tools",
    ),
    served(
        "a call without content and its result",
        talk(USER, CALLED, RESULT),
        changed={"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, RESULT]},
    ),
    served(
        "a result whose content is null",
        talk(USER, CALLED, {**RESULT, "content": None}),
        changed={
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call_1"},
            ]
        },
    ),
    served(
        "a message as openai-python dumps it",
        talk(
            USER,
            {
                "role": "assistant",
                "content": "Hello",
                **dict.fromkeys(("refusal", "audio", "function_call", "tool_calls")),
                "annotations": [],
            },
            USER,
        ),
        changed={
            "messages": [USER, {"role": "assistant", "content": "Hello", "annotations": []}, USER]
        },
    ),
    engine("a tool that is no function", chat(tools=[{"type": "web_search"}]), needs="tools"),
    engine("a tool without a function", chat(tools=[{}]), needs="tools"),
    engine(
        "a tool without a function, and a choice",
        chat(tools=[{"type": "function"}], tool_choice=CALL),
        needs="tools",
    ),
    engine(
        "tool_choice as Anthropic has it",
        chat(tools=[WEATHER], tool_choice={"type": "auto"}),
        needs="tools",
    ),
    engine("an unknown tool_choice", chat(tools=[WEATHER], tool_choice="maybe"), needs="tools"),
)
CONTENT = (
    served("content as parts", talk(said(part("Hi"), part("you")))),
    served(
        "content as texts",
        talk(said("Hi", "you")),
        changed={"messages": [said(part("Hi"), part("you"))]},
    ),
    served(
        "content as parts and texts",
        talk(said(part("Hi"), "you")),
        changed={"messages": [said(part("Hi"), part("you"))]},
    ),
    served("content is empty", talk({"role": "user", "content": ""})),
    served("content is no parts", talk(said())),
    served("a message without content", talk({"role": "user"})),
    served("a name that is null", talk({**USER, "name": None}), changed={"messages": [USER]}),
    served("developer", talk({"role": "developer", "content": "Be short."}, USER)),
    served(
        "reasoning_content",
        talk(USER, {**USER, "role": "assistant", "reasoning_content": "?"}, USER),
    ),
    served("an unknown role", talk({"role": "critic", "content": "x"}, USER)),
    refused("content is a number", talk({"role": "user", "content": 7}), "messages[0].content"),
    refused("content is null", talk({"role": "user", "content": None}), "messages[0]"),
    refused("a text part without text", talk(said({"type": "text"})), "messages[0].content[0]"),
    refused("a part is a number", talk(said(5)), "messages[0].content[0]"),
    refused(
        "a text that is a number",
        talk(said({"type": "text", "text": 5})),
        "messages[0].content[0].text",
    ),
    refused("a message is a text", chat(messages=["Hi"]), "messages[0]"),
    refused("a role is missing", talk({"content": "x"}), "messages[0].role"),
    refused("messages is empty", chat(messages=[]), "messages"),
    refused("messages is a text", chat(messages="Hi"), "messages"),
    refused("messages is null", chat(messages=None), "messages"),
    refused(
        "a call is a number",
        talk(USER, {"role": "assistant", "tool_calls": [1]}),
        "messages[1].tool_calls[0]",
    ),
    engine(
        "an image for a model of text",
        talk(said({"type": "image_url", "image_url": {"url": "data:,"}})),
    ),
    engine("a part without type", talk(said({}))),
    engine("a part of an unknown type", talk(said({"type": "smell", "smell": "x"}))),
)
NUMBERS = (
    served("max_tokens is a float", chat(max_tokens=64.0), changed={"max_tokens": 64}),
    served("max_tokens is a text", chat(max_tokens="4"), changed={"max_tokens": 4}),
    served("max_tokens is null", chat(max_tokens=None), "max_tokens"),
    served("both limits", chat(max_completion_tokens=5.0), changed={"max_completion_tokens": 5}),
    served("n is a float", chat(n=2.0), changed={"n": 2}),
    served("n is null", chat(n=None), "n"),
    served("n is null for completions", text(n=None), "n", **OF_TEXT),
    served("min_tokens is a float", chat(min_tokens=2.0), changed={"min_tokens": 2}),
    served("seed is a float", chat(seed=1.0)),
    served("ignore_eos is null", chat(ignore_eos=None), "ignore_eos"),
    served("numbers as texts", chat(temperature="0.5", top_p="1")),
    served("a bias that is true", chat(logit_bias={"5": True})),
    served("a bias that is a text", chat(logit_bias={"5": "0.5"})),
    served("no biases", chat(logit_bias={})),
    served("top_logprobs is null", chat(logprobs=False, top_logprobs=None), "top_logprobs"),
    served("best_of", text(best_of=2), **OF_TEXT),
    refused("max_tokens is 0", chat(max_tokens=0), "max_tokens"),
    refused("max_tokens is -1", chat(max_tokens=-1), "max_tokens"),
    refused("max_tokens is half a token", chat(max_tokens=64.5), "max_tokens"),
    refused("max_tokens is an object", chat(max_tokens={}), "max_tokens"),
    refused("max_tokens is beyond 32 bits", chat(max_tokens=2**31), "max_tokens"),
    refused("n is 0", chat(n=0), "n"),
    refused("n is more than an engine starts", chat(n=16_385), "n"),
    refused("a bias that is no number", chat(logit_bias={"5": "x"}), "logit_bias"),
    refused("biases as a list", chat(logit_bias=[5]), "logit_bias"),
    engine("temperature is a word", chat(temperature="hot")),
    engine("temperature is negative", chat(temperature=-0.1)),
    engine("top_p is 2", chat(top_p=2)),
    engine("a penalty of 3", chat(presence_penalty=3)),
    engine("five stops", chat(stop=["a", "b", "c", "d", "e"])),
    engine("a stop is a number", chat(stop=5)),
    engine("a seed beyond 64 bits", chat(seed=2**63)),
    engine("a bias beyond the vocabulary", chat(logit_bias={"99999999": 1})),
    engine("min_tokens above max_tokens", chat(min_tokens=9)),
    engine("user is a number", chat(user=5)),
)
STREAMS = (
    served("stream_options is empty", chat(stream_options={}), "stream_options"),
    served("stream_options is null", chat(stream_options=None), "stream_options"),
    served(
        "stream_options is empty in a stream",
        chat(stream=True, stream_options={}),
        changed={"stream_options": {"include_usage": True}},
    ),
    served(
        "include_usage is a text",
        chat(stream=True, stream_options={"include_usage": "true"}),
        changed={"stream_options": {"include_usage": True}},
    ),
    served(
        "include_usage is false",
        chat(stream=True, stream_options={"include_usage": False, "include_obfuscation": False}),
        changed={"stream_options": {"include_usage": True, "include_obfuscation": False}},
    ),
    served("stream is null", chat(stream=None), "stream"),
    served("stream is 0", chat(stream=0), changed={"stream": False}),
    served("stream is a text", chat(stream="false"), changed={"stream": False}),
    served(
        "stream is 1",
        chat(stream=1),
        changed={"stream": True, "stream_options": {"include_usage": True}},
    ),
    refused("options without a stream", chat(stream_options={"include_usage": True}), None),
    refused("stream_options is a list", chat(stream=True, stream_options=["x"]), "stream_options"),
    refused("stream is a word", chat(stream="maybe"), "stream"),
)
FORMATS = (
    served("response_format text", chat(response_format={"type": "text"})),
    served("response_format null", chat(response_format=None), "response_format"),
    served("json_object", chat(response_format={"type": "json_object"}), needs="json_schema"),
    served(
        "json_schema",
        chat(response_format={"type": "json_schema", "json_schema": SCHEMA}),
        needs="json_schema",
    ),
    refused("response_format is a text", chat(response_format="json"), "response_format"),
    engine("response_format without type", chat(response_format={})),
    engine("an unknown format", chat(response_format={"type": "yaml"}), needs="json_schema"),
    engine("no schema", chat(response_format={"type": "json_schema"}), needs="json_schema"),
    engine(
        "a grammar that is none",
        chat(structured_outputs={"grammar": "root ::= ("}),
        needs="json_schema",
    ),
    engine(
        "two constraints",
        chat(structured_outputs={"regex": "a", "choice": ["a"]}),
        needs="json_schema",
    ),
)
TEXTS = (
    served("a prompt", text(), **OF_TEXT),
    served("echo of the prompt alone", text(max_tokens=0, echo=True), **OF_TEXT),
    served("prompts", text(prompt=["Once", "Twice"]), **OF_TEXT),
    served("token ids", text(prompt=[1, 2, 3]), **OF_TEXT),
    served("lists of token ids", text(prompt=[[1, 2], [3]]), **OF_TEXT),
    served("token ids as floats", text(prompt=[1.0, 2.0]), **OF_TEXT),
    served("no max_tokens", {"model": "auto", "prompt": "Once"}, **OF_TEXT),
    served("suffix is null", text(suffix=None), "suffix", **OF_TEXT),
    refused("max_tokens 0 without echo", text(max_tokens=0), None, **OF_TEXT),
    refused("no prompt", {"model": "auto"}, None, **OF_TEXT),
    refused("the prompt is null", text(prompt=None), None, **OF_TEXT),
    refused("no prompts", text(prompt=[]), None, **OF_TEXT),
    refused("the prompt is a number", text(prompt=5), "prompt", **OF_TEXT),
    refused("a prompt and token ids", text(prompt=["a", 5]), "prompt[1]", **OF_TEXT),
    refused("a negative token id", text(prompt=[-1]), "prompt[0]", **OF_TEXT),
    refused("echo is a word", text(echo="maybe"), "echo", **OF_TEXT),
    engine("the prompt is empty", text(prompt=""), **OF_TEXT),
    engine("a token beyond the vocabulary", text(prompt=[10**9]), **OF_TEXT),
    engine(
        "embeddings of a prompt that are none",
        text(prompt=None, prompt_embeds="AAAA"),
        left_out=("prompt",),
        **OF_TEXT,
    ),
)
BODIES = (
    served("a byte order mark", chat(), raw=b"\xef\xbb\xbf" + PLAIN),
    served("gzip", chat(), raw=gzip.compress(PLAIN), headers={"content-encoding": "gzip"}),
    served("x-gzip", chat(), raw=gzip.compress(PLAIN), headers={"content-encoding": "X-GZIP"}),
    served("deflate", chat(), raw=zlib.compress(PLAIN), headers={"content-encoding": "deflate"}),
    served("bare deflate", chat(), raw=BARE, headers={"content-encoding": "deflate"}),
    served("identity", chat(), headers={"content-encoding": "identity"}),
    served("no content type", chat(), headers={"content-type": "text/plain"}),
    served("blanks around the body", chat(), raw=b"\r\n " + PLAIN + b"\n"),
    served("an unknown field", chat(brand_new={"a": [1, None]})),
    served("an empty extra_body", chat(extra_body={}), "extra_body"),
    served("metadata and store", chat(metadata={"a": "b"}, store=False, service_tier="auto")),
    refused("a field in extra_body", chat(extra_body={"top_k": 5}), "extra_body"),
    refused(
        "an unknown encoding",
        chat(),
        "content-encoding",
        status=415,
        headers={"content-encoding": "br"},
    ),
    refused(
        "two encodings",
        chat(),
        "content-encoding",
        status=415,
        headers={"content-encoding": "gzip, gzip"},
    ),
    refused("gzip that is none", chat(), None, headers={"content-encoding": "gzip"}),
    refused(
        "gzip cut off",
        chat(),
        None,
        raw=gzip.compress(PLAIN)[:-9],
        headers={"content-encoding": "gzip"},
    ),
    refused(
        "two streams of gzip",
        chat(),
        None,
        raw=2 * gzip.compress(PLAIN),
        headers={"content-encoding": "gzip"},
    ),
    refused("UTF-16", chat(), None, raw=json.dumps(chat()).encode("utf-16")),
    refused("a form", chat(), None, raw=b"model=auto&messages=Hi"),
    refused("nothing", chat(), None, raw=b""),
    refused("a list", chat(), None, raw=b"[]"),
    refused("half a surrogate", chat(), None, raw=b'{"model": "\\ud800"}'),
    refused("not a number", chat(), None, raw=b'{"temperature": NaN}'),
    refused("no model", {"messages": [USER]}, "model"),
    refused("the model is null", chat(model=None), "model"),
    refused("the model is a number", chat(model=7), "model"),
    refused("an unknown model", chat(model="gpt-4"), "model", status=404),
)
SHAPES: tuple[Shape, ...] = (
    *NO_TOOLS,
    *TOOLS,
    *CONTENT,
    *NUMBERS,
    *STREAMS,
    *FORMATS,
    *TEXTS,
    *BODIES,
)
