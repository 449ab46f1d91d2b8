"""Addresses of profile stores: which there are, and what a Redis address contains."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

REDIS_SCHEMES = ("redis", "rediss")
SCHEMES = ("file", *REDIS_SCHEMES)
# The prefix of all keys before there were namespaces: such a store is read as it is.
DEFAULT_NAMESPACE = "model_profiles"
NAMESPACE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
# Up to the last "@", so that a password with characters that a URL may not have is found whole.
_PASSWORD = re.compile(r"://(?P<user>[^:/@]*):(?P<password>.*)@")
_PASSWORD_FIELD = re.compile(r"(?P<field>[?&]password=)(?P<password>[^&#]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """`url` is for a Redis client. All keys begin with `namespace`. `name` has no password."""

    url: str
    namespace: str
    name: str


def redis_address(address: str) -> RedisAddress:
    """Reads `redis://host:port/db?namespace=NAME`. Raises `ValueError`."""
    parts = urlsplit(address)
    before_at, at, _ = parts.query.partition("@")
    if "@" in parts.path + parts.fragment or (at and "=" not in before_at):
        raise ValueError(
            "the password has a character that a URL may not have: percent-encode it, or name a "
            "variable as in redis://:${NAME}@host:port/db"
        )
    query = parse_qsl(parts.query, keep_blank_values=True)
    named = [value for key, value in query if key == "namespace"]
    if len(named) > 1 or not all(re.fullmatch(NAMESPACE_PATTERN, value) for value in named):
        raise ValueError(
            f"namespace {', '.join(repr(value) for value in named)}: it should be one name of "
            "letters, digits, '.', '_' and '-', at most 64, as in "
            "redis://host:port/db?namespace=NAME"
        )
    others = urlencode([item for item in query if item[0] != "namespace"])
    place = parts._replace(
        netloc=parts.netloc.rpartition("@")[2],
        query=urlencode({"namespace": named[0]}) if named else "",
    )
    return RedisAddress(
        url=parts._replace(query=others).geturl(),
        namespace=named[0] if named else DEFAULT_NAMESPACE,
        name=place.geturl(),
    )


def password_of(address: str) -> str | None:
    """The password in an address, as it stands there. `None` where it has none."""
    found = _PASSWORD.search(address) or _PASSWORD_FIELD.search(address)
    return found["password"] if found else None


def without_password(address: str) -> str:
    """The address with PASSWORD in the place of its password."""
    hidden = _PASSWORD.sub(r"://\g<user>:PASSWORD@", address)
    return _PASSWORD_FIELD.sub(r"\g<field>PASSWORD", hidden)
