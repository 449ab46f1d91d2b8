"""An HTTP server on a free local port that serves bytes as good and as bad servers do."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served, by path, and what was asked. Each list of `answers` is used up in order.

    An answer is one of the names below; a path without one left is served well.

    * `whole`: ignores a range
    * `other range`: sends 206 with the bytes from 0 on, whatever was asked
    * `no range total`: sends 206 whose Content-Range has `*` for the size
    * `cut`: announces the rest and closes after half of it
    * `gzip`: claims an encoding
    * a number: that status
    """

    files: dict[str, bytes]
    answers: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    seen_headers: list[Mapping[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def file_server(
    files: Mapping[str, bytes], answers: Mapping[str, list[str]] | None = None
) -> Iterator[FileServer]:
    state = FileServer(dict(files), {k: list(v) for k, v in (answers or {}).items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked = self.headers.get("Range")
            state.asked.append((path, asked))
            state.seen_headers.append(dict(self.headers))
            planned = state.answers.get(path) or ["well"]
            answer = planned.pop(0)
            if answer.isdigit() or path not in state.files:
                self.send_error(int(answer) if answer.isdigit() else 404)
                return
            self._send(state.files[path], asked, answer)

        def _send(self, content: bytes, asked: str | None, answer: str) -> None:
            size = len(content)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if asked and answer != "whole" and start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if asked and answer != "whole":
                start = 0 if answer == "other range" else start
                self.send_response(206)
                total = "*" if answer == "no range total" else size
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{total}")
            else:
                start = 0
                self.send_response(200)
            body = content[start:]
            if answer == "gzip":
                self.send_header("Content-Encoding", "gzip")
            if self.path.startswith("/simple/"):
                self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if answer == "cut" else body)

        def log_message(self, *_: object) -> None:
            """Tests read no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
