"""Redis (or Valkey) as profile store: the active catalog under one key, announced on a channel.

All keys begin with the namespace of the store's address.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from serve_app.core.catalog import Catalog, Version
from serve_app.core.errors import StoreEmpty, StoreUnavailable, VersionUnknown
from serve_app.store.codec import (
    content_hash,
    decode_catalog,
    decode_version,
    encode_catalog,
    encode_version,
    next_version,
    publication,
    published_version,
    refuse_when_replaced,
)
from serve_app.store_address import DEFAULT_NAMESPACE, redis_address

# A message may be lost, and a key set by hand announces nothing, so the key is looked at as well.
LOOK_EVERY_S = 1.0
TIMEOUT_S = 1.0


class RedisKeys:
    """The keys and the channel of one namespace."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self.active = f"{namespace}:active"
        self.last_version = f"{namespace}:last_version"
        self.history = f"{namespace}:history"
        self.changed = f"{namespace}:changed"

    def version(self, version: str) -> str:
        return f"{self._namespace}:version:{version}"


class RedisStore:
    """A `ProfileStore` in Redis, for any number of readers and publishers.

    No call waits longer than `timeout_s` for a server that does not answer.
    """

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        address = redis_address(url)
        self._name = address.name
        self._keys = RedisKeys(address.namespace)
        self._timeout_s = timeout_s
        self._look_every_s = look_every_s
        # Timeouts are ours: with `socket_timeout` the client sends through `asyncio.wait_for`,
        # which on Python 3.11 swallows a cancellation that comes as the send ends.
        self._client: Redis = Redis.from_url(
            address.url,
            socket_timeout=None,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )

    async def load(self) -> Catalog:
        async with self._answering_within(self._timeout_s):
            text = await self._client.get(self._keys.active)
            default = RedisKeys(DEFAULT_NAMESPACE).active
            elsewhere = text is None and await self._client.exists(default)
        if text is None:
            hint = (
                f"; {default} is set: remove the namespace from the address to read that one"
                if elsewhere
                else ""
            )
            raise StoreEmpty(
                self._name, f"key {self._keys.active} is not set: publish a catalog{hint}"
            )
        return decode_catalog(text, f"{self._name} key {self._keys.active}")

    async def changes(self) -> AsyncGenerator[None, None]:
        async with self._client.pubsub(ignore_subscribe_messages=True) as announcements:
            async with self._answering_within(self._timeout_s):
                await announcements.subscribe(self._keys.changed)
                seen = await self._active_hash()
            yield
            while True:
                async with self._answering_within(self._look_every_s + self._timeout_s):
                    await announcements.get_message(timeout=self._look_every_s)
                    found = await self._active_hash()
                if found != seen:
                    seen = found
                    yield

    async def publish(
        self,
        catalog: Catalog,
        *,
        by: str,
        note: str = "",
        restores: str | None = None,
        replacing: str | None = None,
    ) -> str:
        keys = self._keys

        async def swap(pipe: Pipeline) -> str:
            active = published_version(await pipe.get(keys.active))
            refuse_when_replaced(self._name, expected=replacing, active=active)
            last = await pipe.get(keys.last_version)
            version = next_version([active, last.decode() if isinstance(last, bytes) else last])
            published = publication(catalog, version, by=by, note=note, restores=restores)
            text = encode_catalog(catalog, published)
            pipe.multi()  # type: ignore[no-untyped-call]  # redis leaves it unannotated
            pipe.set(keys.version(version), text)
            pipe.set(keys.last_version, version)
            pipe.set(keys.active, text)
            pipe.lpush(keys.history, encode_version(published))
            pipe.publish(keys.changed, version)
            return version

        async with self._answering_within(self._timeout_s):
            # Starts again when another publisher was faster, with the next version then.
            version: str = await self._client.transaction(
                swap, keys.active, keys.last_version, value_from_callable=True
            )
            return version

    async def history(self) -> tuple[Version, ...]:
        async with self._answering_within(self._timeout_s):
            listed = await self._client.lrange(self._keys.history, 0, -1)
        source = f"{self._name} key {self._keys.history}"
        return tuple(decode_version(text, f"{source}[{n}]") for n, text in enumerate(listed))

    async def version(self, version: str) -> Catalog:
        key = self._keys.version(version)
        async with self._answering_within(self._timeout_s):
            text = await self._client.get(key)
        if text is None:
            known = tuple(published.version for published in await self.history())
            raise VersionUnknown(self._name, version, known)
        return decode_catalog(text, f"{self._name} key {key}")

    async def close(self) -> None:
        async with self._answering_within(self._timeout_s):
            await self._client.aclose()

    async def _active_hash(self) -> str | None:
        text = await self._client.get(self._keys.active)
        return None if text is None else content_hash(text)

    @asynccontextmanager
    async def _answering_within(self, timeout_s: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError as exc:
            raise StoreUnavailable(self._name, f"no answer within {timeout_s:g} s") from exc
        except (RedisError, OSError) as exc:
            raise StoreUnavailable(self._name, f"{type(exc).__name__}: {exc}") from exc
