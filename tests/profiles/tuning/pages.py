"""Routers' pages of metrics, rendered by what renders the real ones, and a server for texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from serve_app.telemetry.request_metrics import PrometheusEvents
from tests.telemetry.event_samples import an_answer


def a_page(contexts: Mapping[str, Sequence[int]]) -> str:
    """`/metrics` of a router that has served these contexts; a tenth of each was completion."""
    events = PrometheusEvents(CollectorRegistry())
    for pair, tokens in contexts.items():
        for context in tokens:
            completion = context // 10
            events.emit(
                an_answer(
                    pair=pair, prompt_tokens=context - completion, completion_tokens=completion
                )
            )
    return events.exposition()[0].decode()


@contextmanager
def serving(texts: Mapping[str, str], *, asked: list[str] | None = None) -> Iterator[str]:
    """An address that answers each path with its text and any other with a 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.path)
            text = texts.get(urlsplit(self.path).path)
            self.send_response(404 if text is None else 200)
            self.end_headers()
            self.wfile.write((text or "nothing here").encode())

        def log_message(self, format: str, *args: object) -> None:
            """Tests have no use for it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
