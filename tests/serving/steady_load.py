"""Requests that go on while a test changes the fleet."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import httpx2

from tests.waiting import GIVE_UP_S


@dataclass
class SteadyLoad:
    """Four callers that ask without a pause, and the statuses that they got.

    0 stands for a connection that broke.
    """

    url: str
    model: str = "auto"
    statuses: list[int] = field(default_factory=list)

    def __enter__(self) -> SteadyLoad:
        self._over = threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(4)]
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for caller in self._callers:
            caller.join()

    def _call(self) -> None:
        body = {"model": self.model, "messages": [{"role": "user", "content": "Hi"}]}
        with httpx2.Client(timeout=GIVE_UP_S) as client:
            while not self._over.is_set():
                try:
                    reply = client.post(f"{self.url}/v1/chat/completions", json=body)
                except httpx2.TransportError:
                    self.statuses.append(0)
                else:
                    self.statuses.append(reply.status_code)
