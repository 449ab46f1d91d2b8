"""Which classifier a replica of the classifier deployment runs."""

from __future__ import annotations

from pathlib import Path

from serve_app.adapters.success_model import load_success_model
from serve_app.core.errors import SuccessModelRefused
from serve_app.core.events import ModelRefused
from serve_app.core.ports import Classifier, Events
from serve_app.service.classify import HeuristicClassifier
from serve_app.service.heuristics import judge


def open_classifier(success_model: str | None, *, events: Events) -> Classifier:
    """The success model in that file; the heuristics without one, or where it is refused.

    A file that cannot be used is told once and costs no request: raising here would have Ray
    Serve start the replica again and again.
    """
    if success_model is None:
        return HeuristicClassifier()
    try:
        return load_success_model(Path(success_model), local=judge)
    except SuccessModelRefused as exc:
        events.emit(ModelRefused(reason=str(exc)))
        return HeuristicClassifier(instead_of="success model refused")
