"""Makes features of a request: token counts here, classification by the classifier."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.classifier.heuristics import classify_sync
from serve_app.core.catalog import Catalog
from serve_app.core.fleet import Pair
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Classifier, TokenCounter
from serve_app.core.request import Features

# An estimate this close to a context window may fall on the wrong side of it.
DOUBTFUL_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class FeatureReader:
    """Reads features from requests."""

    classifier: Classifier
    tokens: TokenCounter

    async def read(
        self, request: InferenceRequest, pairs: Sequence[Pair], catalog: Catalog
    ) -> Features:
        counted = self.tokens.estimate(request.countable)
        estimate = request.counted_tokens + counted
        if any(_is_doubtful(estimate, request, pair, catalog) for pair in pairs):
            # Exact counting of a long prompt takes long enough to stall every other request.
            counted = await asyncio.to_thread(self.tokens.count, request.countable)
        if len(pairs) == 1:
            classification = classify_sync(request.prompt)
        else:
            classification = await self.classifier.classify(request.prompt)
        return Features(
            prompt_tokens=request.counted_tokens + counted,
            max_tokens=request.max_tokens,
            prompts=request.prompts,
            sequences=request.sequences,
            needs=frozenset(request.needs),
            classification=classification,
            form=request.form,
            stream=request.stream,
        )


def _is_doubtful(
    prompt_tokens: int, request: InferenceRequest, pair: Pair, catalog: Catalog
) -> bool:
    """Whether the estimate is too near the pair's context window to trust."""
    profile = catalog.profiles.get(pair.id)
    ratio = profile.tokens_ratio if profile is not None else 1.0
    added_tokens = catalog.added_tokens.get((pair.id, request.form), 0.0)
    prompt_tokens_here = prompt_tokens * ratio + added_tokens
    limits = (request.max_tokens or 1, request.max_tokens or pair.default_max_tokens or 1)
    return any(
        abs(prompt_tokens_here + limit - pair.context_window)
        <= DOUBTFUL_SHARE * pair.context_window
        for limit in limits
    )
