"""The routing decision: values and pure functions. No clock, no I/O, no Ray, no logging.

The names below are for adapters and tests of your own. `serve_app.core.decide` decides.
"""

from serve_app.core.catalog import Catalog, Version
from serve_app.core.decision import Candidate, Decision, Prediction, Rejection
from serve_app.core.errors import (
    CatalogError,
    CatalogInvalid,
    CatalogReplaced,
    ClassifierUnavailable,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRejected,
    PolicyInvalid,
    RouterError,
    StoreEmpty,
    StoreUnavailable,
    VersionUnknown,
)
from serve_app.core.events import Event
from serve_app.core.fleet import Pair
from serve_app.core.policy import PairPolicy, Policy, PublishedPolicy, Weights
from serve_app.core.ports import (
    Classifier,
    Clock,
    Engine,
    EngineCall,
    Events,
    ProfileStore,
    TokenCounter,
)
from serve_app.core.profile import Profile
from serve_app.core.request import Constraints, Prompt, PromptClassification

__all__ = [
    "Candidate",
    "Catalog",
    "CatalogError",
    "CatalogInvalid",
    "CatalogReplaced",
    "Classifier",
    "ClassifierUnavailable",
    "Clock",
    "Constraints",
    "Decision",
    "Engine",
    "EngineBusy",
    "EngineCall",
    "EngineError",
    "EngineFailed",
    "EngineRejected",
    "Event",
    "Events",
    "Pair",
    "PairPolicy",
    "Policy",
    "PolicyInvalid",
    "Prediction",
    "Profile",
    "ProfileStore",
    "Prompt",
    "PromptClassification",
    "PublishedPolicy",
    "Rejection",
    "RouterError",
    "StoreEmpty",
    "StoreUnavailable",
    "TokenCounter",
    "Version",
    "VersionUnknown",
    "Weights",
]
