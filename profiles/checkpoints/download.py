"""Downloads a file over HTTP and goes on where an earlier attempt, or a killed run, stopped.

What is there of a file is in `NAME.partial`. A digest of the whole file has to be checked by
the caller: it also finds a file that changed on the server between two attempts, so no ETag is
compared here.
"""

from __future__ import annotations

import os
import re
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2

from profiles.checkpoints.errors import DownloadFailed

PARTIAL_SUFFIX = ".partial"
# Attempts in a row that bring no new byte.
ATTEMPTS = 5
TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
# These answers are temporary. Others of 4xx will not change.
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")

# Called with the bytes that are there, and the size of the whole file where it is known.
Report = Callable[[int, int | None], None]


class _Interrupted(Exception):
    """This attempt failed, and another may succeed."""


class _Refused(Exception):
    """Another attempt would fail as well."""


def open_client() -> httpx2.Client:
    """Honours pip's variables `PIP_CERT` and `PIP_PROXY`, then `REQUESTS_CA_BUNDLE` and
    `CURL_CA_BUNDLE` as pip does, then those that httpx2 reads itself (`SSL_CERT_FILE`,
    `HTTPS_PROXY`, `NO_PROXY`)."""
    names = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    bundle = Path(next((os.environ[name] for name in names if os.environ.get(name)), ""))
    verify: ssl.SSLContext | bool = True
    if bundle.is_file():
        verify = ssl.create_default_context(cafile=bundle)
    return httpx2.Client(
        verify=verify,
        proxy=os.environ.get("PIP_PROXY") or None,
        timeout=TIMEOUT,
        follow_redirects=True,
    )


def download(
    client: httpx2.Client,
    url: str,
    target: Path,
    report: Report,
    *,
    headers: Mapping[str, str] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Writes the bytes of `url` to `target`. Raises `DownloadFailed`, or `OSError` of the disk."""
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    failures = 0
    while True:
        before = _size(partial)
        try:
            _attempt(client, url, partial, report, headers or {})
        except _Refused as error:
            raise DownloadFailed(httpx2.URL(url).host, str(error), _size(partial)) from error
        except (httpx2.TransportError, _Interrupted) as error:
            failures = 1 if _size(partial) > before else failures + 1
            if failures == ATTEMPTS:
                cause = str(error) or type(error).__name__
                raise DownloadFailed(httpx2.URL(url).host, cause, _size(partial)) from error
            pause(min(2.0 ** (failures - 1), 8.0))
        else:
            partial.replace(target)
            return


def _attempt(
    client: httpx2.Client, url: str, partial: Path, report: Report, headers: Mapping[str, str]
) -> None:
    have = _size(partial)
    asked = {**headers, "Accept-Encoding": "identity"}
    if have:
        asked["Range"] = f"bytes={have}-"
    with client.stream("GET", url, headers=asked) as response:
        start, total = _extent(response)
        if response.status_code == 416 and have and total == have:
            return
        if response.status_code == 416 or (response.status_code == 206 and start != have):
            partial.unlink(missing_ok=True)
            raise _Interrupted(f"the server did not send the bytes from {have} on")
        if response.status_code in TEMPORARY:
            raise _Interrupted(f"the server answered {response.status_code}")
        if response.status_code not in (200, 206):
            raise _Refused(f"the server answered {response.status_code}")
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise _Refused(f"the server sends the file encoded as {encoding}")
        if response.status_code == 200:
            # The server ignored the range and sends the whole file.
            have = 0
        with partial.open("ab" if have else "wb") as file:
            # As it arrives: pieces of a fixed size would lose the last one if the connection ends.
            for chunk in response.iter_raw():
                file.write(chunk)
                have += len(chunk)
                report(have, total)
    if total is not None and have != total:
        raise _Interrupted(f"the connection ended after {have} of {total} bytes")


def _extent(response: httpx2.Response) -> tuple[int | None, int | None]:
    """The first byte that is sent, and the size of the whole file, where the answer has them."""
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None:
        return None, None
    first, _, total = found.groups()
    return int(first) if first else None, int(total) if total != "*" else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
