"""Makes features of a request: token counts here, classification by the classifier."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from serve_app.classifier.heuristics import classify_sync
from serve_app.core.catalog import Catalog
from serve_app.core.fleet import Pair
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Classifier, TokenCounter
from serve_app.core.request import Features, PromptClassification

# An estimate this close to a context window may fall on the wrong side of it.
DOUBTFUL_SHARE = 0.15


class FeatureReader:
    """Reads features from requests."""

    def __init__(self, classifier: Classifier, tokens: TokenCounter) -> None:
        self._classifier = classifier
        self._tokens = tokens

    async def read(
        self, request: InferenceRequest, pairs: Sequence[Pair], catalog: Catalog
    ) -> Features:
        return Features(
            prompt_tokens=await self._prompt_tokens(request, pairs, catalog),
            max_tokens=request.max_tokens,
            needs=frozenset(request.needs),
            classification=await self._classification(request, pairs),
            form=request.form,
        )

    async def _classification(
        self, request: InferenceRequest, pairs: Sequence[Pair]
    ) -> PromptClassification:
        """Skip the classifier when there is only one candidate."""
        if len(pairs) == 1:
            return classify_sync(request.prompt)
        return await self._classifier.classify(request.prompt)

    async def _prompt_tokens(
        self, request: InferenceRequest, pairs: Sequence[Pair], catalog: Catalog
    ) -> int:
        """Estimated, unless the estimate is too near some pair's context window to trust."""
        estimate = request.counted_tokens + self._tokens.estimate(request.countable)
        if not any(_is_doubtful(estimate, request, pair, catalog) for pair in pairs):
            return estimate
        # Exact counting of a long prompt takes long enough to stall every other request.
        exact = await asyncio.to_thread(self._tokens.count, request.countable)
        return request.counted_tokens + exact


def _is_doubtful(
    prompt_tokens: int, request: InferenceRequest, pair: Pair, catalog: Catalog
) -> bool:
    profile = catalog.profiles.get(pair.id)
    ratio = profile.tokens_ratio if profile is not None else 1.0
    added_tokens = catalog.added_tokens.get((pair.id, request.form), 0.0)
    needed = prompt_tokens * ratio + added_tokens + (request.max_tokens or 1)
    return abs(needed - pair.context_window) <= DOUBTFUL_SHARE * pair.context_window
