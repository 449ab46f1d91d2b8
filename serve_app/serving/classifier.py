"""The classifier deployment: holds a classifier and delegates to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray import serve
from ray.serve.deployment import Application

from serve_app.core.ports import Classifier
from serve_app.core.request import Prompt, PromptClassification


class ClassifierDeployment:
    """Any `Classifier` behind a handle; `build` makes it inside the replica."""

    def __init__(self, build: Callable[[], Classifier]) -> None:
        self._classifier = build()

    async def classify(self, prompt: Prompt) -> PromptClassification:
        return await self._classifier.classify(prompt)


def build_classifier(build: Callable[[], Classifier], options: dict[str, Any]) -> Application:
    """The Serve application node of the classifier."""
    return serve.deployment(name="Classifier", **options)(ClassifierDeployment).bind(build)
