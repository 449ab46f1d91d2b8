"""Everything that can be configured: the `args` of `serve_config.yaml` are an `AppArgs`."""

from serve_app.settings.models import (
    AppArgs,
    ClassifierSettings,
    FeedbackSettings,
    IngressSettings,
    RetryBudgetSettings,
    RoutingSettings,
    ShadowSettings,
    StoreSettings,
)
from serve_app.settings.pairs import PairSettings, ReplicaSettings
from serve_app.settings.parse import FieldPath, SettingsError, dotted, parse_args, parse_pair
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
    "parse_pair",
    "tokenizer_file",
]
