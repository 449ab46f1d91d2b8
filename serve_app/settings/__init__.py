"""Everything that can be configured: the `args` of `serve_config.yaml` are an `AppArgs`."""

from serve_app.settings.models import (
    AppArgs,
    ClassifierSettings,
    FeedbackSettings,
    IngressSettings,
    PairSettings,
    ReplicaSettings,
    RetryBudgetSettings,
    RoutingSettings,
    ShadowSettings,
    StoreSettings,
)
from serve_app.settings.parse import FieldPath, SettingsError, dotted, parse_args
from serve_app.settings.places import home, local_checkpoint, tokenizer_file

__all__ = [
    "AppArgs",
    "ClassifierSettings",
    "FeedbackSettings",
    "FieldPath",
    "IngressSettings",
    "PairSettings",
    "ReplicaSettings",
    "RetryBudgetSettings",
    "RoutingSettings",
    "SettingsError",
    "ShadowSettings",
    "StoreSettings",
    "dotted",
    "home",
    "local_checkpoint",
    "parse_args",
    "tokenizer_file",
]
