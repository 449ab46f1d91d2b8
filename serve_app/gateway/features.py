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
        excesses = [_excess(estimate, request, pair, catalog) for pair in pairs]
        doubtful = any(abs(share) <= DOUBTFUL_SHARE for pair in excesses for share in pair)
        # Nothing is refused for its length by an estimate.
        if doubtful or all(min(shares) > 0.0 for shares in excesses):
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


def _excess(
    prompt_tokens: int, request: InferenceRequest, pair: Pair, catalog: Catalog
) -> tuple[float, float]:
    """How far prompt and answer exceed the pair's context window, as shares of it.

    With the caller's limit on the answer, and with the pair's own where the caller set none.
    """
    profile = catalog.profiles.get(pair.id)
    ratio = profile.tokens_ratio if profile is not None else 1.0
    added_tokens = catalog.added_tokens.get((pair.id, request.form), 0.0)
    prompt_tokens_here = prompt_tokens * ratio + added_tokens
    window = pair.context_window
    return (
        (prompt_tokens_here + (request.max_tokens or 1) - window) / window,
        (prompt_tokens_here + (request.max_tokens or pair.default_max_tokens or 1) - window)
        / window,
    )
