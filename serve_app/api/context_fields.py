"""Which fields leave the context of a request as the router counts it.

An engine's count of a prompt corrects the ratio of tokens for every caller. A request teaches it
only where nothing else fills or cuts the context. With a field that is not known here it teaches
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COUNTED = frozenset({"messages", "prompt"})
OF_THE_ROUTER = frozenset({"model", "routing", "stream", "stream_options", "n", "request_id"})
OF_SAMPLING = frozenset(
    {
        *("max_tokens", "max_completion_tokens", "min_tokens", "temperature", "top_p", "top_k"),
        *("min_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "seed"),
        *("length_penalty", "logit_bias", "stop", "stop_token_ids", "ignore_eos", "bad_words"),
        *("allowed_token_ids", "include_stop_str_in_output", "skip_special_tokens"),
        *("spaces_between_special_tokens", "logprobs", "top_logprobs", "prompt_logprobs"),
        *("logprob_token_ids", "return_tokens_as_token_ids", "use_beam_search", "echo"),
        *("structured_outputs", "parallel_tool_calls"),
    }
)
OF_THE_CALLER = frozenset(
    {
        *("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"),
        *("session_id", "cache_salt", "priority"),
    }
)
HARMLESS = COUNTED | OF_THE_ROUTER | OF_SAMPLING | OF_THE_CALLER
# Templates write these of a message, and nothing around it that depends on it.
OF_A_MESSAGE = frozenset({"role", "content"})
ROLES = frozenset({"system", "developer", "user", "assistant"})


def is_counted(body: Mapping[str, Any]) -> bool:
    """Whether all fields of a body leave the context alone."""
    return body.keys() <= HARMLESS


def are_counted(messages: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the text of these messages is all that a template writes of them."""
    return all(message.keys() <= OF_A_MESSAGE and message["role"] in ROLES for message in messages)
