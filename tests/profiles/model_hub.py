"""A model hub on a free local port that serves one repository with its digests."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_SUFFIX = ".safetensors"


@contextmanager
def model_hub(
    repo: str,
    published: Mapping[str, bytes],
    *,
    served: Mapping[str, bytes] | None = None,
    missing: str = "",
    ranges: list[str] | None = None,
) -> Iterator[str]:
    """Announces the digests of `published`; sends the bytes of `served` where given, and 404
    for the file `missing`. The ranges that were asked for are added to `ranges`."""
    sent = {**published, **(served or {})}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, *_: object) -> None:
            """Tests read no access log."""

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            if missing and path.endswith(missing):
                self.send_error(404)
                return
            if path.startswith(f"/api/models/{repo}"):
                body = json.dumps(_listing(repo, published)).encode()
            else:
                body = sent[path.rpartition("/")[2]]
            start = 0
            if asked := self.headers.get("Range"):
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                (ranges if ranges is not None else []).append(asked)
            self.send_response(206 if start else 200)
            if start:
                size = len(body)
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
                body = body[start:]
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listing(repo: str, published: Mapping[str, bytes]) -> dict[str, object]:
    return {
        "id": repo,
        "sha": COMMIT,
        "private": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "siblings": [_sibling(name, content) for name, content in published.items()],
    }


def _sibling(name: str, content: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    sibling: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob}
    if name.endswith(LARGE_SUFFIX):
        sha256 = hashlib.sha256(content).hexdigest()
        sibling["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 100}
    return sibling
