"""Reads a policy: from its own document, or from a fleet file where an edit restarts nothing.

Serve hashes `args` into the code version of every deployment. The `user_config` of the ingress
deployment is outside of them, and Serve hands a new one to running replicas.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields

from pydantic import TypeAdapter, ValidationError

from serve_app.core.errors import PolicyInvalid
from serve_app.core.policy import PublishedPolicy, policy_problems
from serve_app.validation_errors import problem_lines, shortened

INGRESS = "Ingress"
USER_CONFIG = f"user_config of {INGRESS}"
POLICY = TypeAdapter(PublishedPolicy)


def decode_policy(document: object, source: str) -> PublishedPolicy:
    """Reads what a policy states. Raises `PolicyInvalid`, with the path of each wrong field."""
    if isinstance(document, Mapping) and isinstance(document.get("static_fallback"), str):
        document = {**document, "static_fallback": [document["static_fallback"]]}
    try:
        # As JSON, which has no tuples and no other keys than text.
        policy = POLICY.validate_json(json.dumps(document, default=str), strict=True)
    except ValidationError as exc:
        allowed = f"a policy has: {', '.join(field.name for field in fields(PublishedPolicy))}"
        raise PolicyInvalid(source, (*shortened(problem_lines(exc)), allowed)) from exc
    if problems := tuple(policy_problems(policy)):
        raise PolicyInvalid(source, problems)
    return policy


def user_config_policy(user_config: object) -> PublishedPolicy:
    """The `policy` of the ingress deployment's `user_config`: anything but `pairs`.

    Raises `PolicyInvalid`.
    """
    if not isinstance(user_config, Mapping) or user_config.keys() - {"policy"}:
        raise PolicyInvalid(
            USER_CONFIG, (f"got {user_config!r:.200}; it is a mapping with one field, policy",)
        )
    policy = decode_policy(user_config.get("policy") or {}, USER_CONFIG)
    if policy.pairs:
        raise PolicyInvalid(
            USER_CONFIG,
            ("policy.pairs: it is published; use `quantroute publish --policy FILE`",),
        )
    return policy
