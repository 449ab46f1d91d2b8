"""Finds secrets that stand in plain text in the settings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from serve_app.settings.models import AppArgs
from serve_app.settings.secrets import REFERENCE
from serve_app.store_address import password_of

ADVICE = (
    "Ray's dashboard shows args. Put the secret into an environment variable of Ray's processes "
    "and write ${NAME}"
)
_NAMES = re.compile(r"(^|_)(token|secret|password|passwd|credentials?|(api|access|secret)_key)$")


def plain_secrets(args: AppArgs) -> tuple[str, ...]:
    """The fields with a secret in plain text, dotted. Never a value."""
    return tuple(_found(args))


def _found(args: AppArgs) -> Iterator[str]:
    for field in ("url", "fallback_url"):
        password = password_of(REFERENCE.sub("", getattr(args.store, field)))
        if password:
            yield f"store.{field}"
    for index, pair in enumerate(args.pairs):
        if pair.api_key is not None and not REFERENCE.search(pair.api_key):
            yield f"pairs[{index}].api_key"
        for block, values in (("env", pair.env), ("engine", pair.engine)):
            for name, value in values.items():
                secret = _NAMES.search(name.lower()) and isinstance(value, str) and value
                if secret and not REFERENCE.search(str(value)):
                    yield f"pairs[{index}].{block}.{name}"
