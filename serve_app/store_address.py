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


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """`url` is for a Redis client. All keys begin with `namespace`. `name` has no password."""

    url: str
    namespace: str
    name: str


def redis_address(address: str) -> RedisAddress:
    """Reads `redis://host:port/db?namespace=NAME`. Raises `ValueError` for a wrong namespace."""
    parts = urlsplit(address)
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
    """The password in an address. `None` where it has none."""
    parts = urlsplit(address)
    named = dict(parse_qsl(parts.query)).get("password")
    return parts.password or named


def without_password(address: str) -> str:
    """The address with PASSWORD in the place of its password."""
    parts = urlsplit(address)
    query = [
        (key, "PASSWORD" if key == "password" else value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    netloc = parts.netloc
    if parts.password is not None:
        user, _, host = netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}:PASSWORD@{host}"
    if netloc == parts.netloc and dict(query) == dict(parse_qsl(parts.query)):
        return address
    return parts._replace(netloc=netloc, query=urlencode(query)).geturl()
