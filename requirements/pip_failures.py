"""What a failed pip means and what to do about it. Needs nothing but Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CONFLICT = re.compile(r"The conflict is caused by:\n(?P<causes>(?:[ \t]+\S.*\n?)+)", re.MULTILINE)
NOT_FOUND = re.compile(r"ERROR: (?:No matching distribution found for|Could not find a version) .*")
NOT_BUILT = re.compile(
    r"(?:ERROR|error): (?:Failed building wheel for|Failed to build|subprocess).*"
)
NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded")
NOT_REACHED = re.compile(
    r"Failed to establish a new connection|Name or service not known|"
    r"Temporary failure in name resolution|Connection (?:refused|reset|timed out)|"
    r"Read timed out|CERTIFICATE_VERIFY_FAILED|ProxyError|Max retries exceeded"
)
# Settings of pip that change which files it finds.
CHANGE_WHAT_IS_FOUND = (
    "constraint",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-binary",
    "no-index",
    "only-binary",
    "pre",
    "prefer-binary",
    "uploaded-prior-to",
)


def explain(output: str, *, pip: str, settings: Sequence[str], log: str) -> str:
    """What failed, with which Python and pip, and what to do.

    `pip` is what `pip --version` prints. `settings` are the names that `pip config list`
    prints. Their values are left out, because an address may hold a password.
    """
    failed, advice = _cause(output)
    lines = [failed, "", f"Used: {pip or 'a pip that does not start'}"]
    if found := relevant(settings):
        lines.append(f"Set in pip's configuration: {', '.join(found)} (pip config list)")
    lines += [f"All output: {log}", "", advice]
    return "\n".join(lines)


def relevant(settings: Iterable[str]) -> list[str]:
    """Names of settings that change which files pip finds."""
    return [name for name in settings if name.rsplit(".", 1)[-1] in CHANGE_WHAT_IS_FOUND]


def _cause(output: str) -> tuple[str, str]:
    if NO_SPACE.search(output):
        return (
            "The disk filled up while pip was working.",
            "Free some space, then run the same command again.",
        )
    if conflict := CONFLICT.search(output):
        return (
            "Two requirements need different versions of one package:\n"
            + conflict["causes"].rstrip(),
            "The versions in constraints.txt fit together on a plain package index. A setting "
            "of pip, or a package that the index lacks, asks for another version. Run the same "
            "command with PIP_CONFIG_FILE=/dev/null and without PIP_ variables. If it still "
            "fails, report this text.",
        )
    if NOT_REACHED.search(output):
        return (
            "pip did not reach the package index:\n" + _last(output, 4),
            "Check the network, the proxy (HTTPS_PROXY) and the certificate (PIP_CERT), then run "
            "the same command again.",
        )
    if missing := NOT_FOUND.findall(output):
        return (
            "The package index lacks a file for this Python and machine:\n  "
            + "\n  ".join(dict.fromkeys(missing)),
            "The exact versions exist for Linux on x86-64 with Python 3.11, 3.12 and 3.13. If "
            "pip's configuration names a mirror, the mirror may be incomplete: try without it. pip "
            "also says this when it could not reach one of several indexes.",
        )
    if broken := NOT_BUILT.findall(output):
        return (
            "A package could not be built from source:\n  "
            + "\n  ".join(dict.fromkeys(broken))
            + "\n"
            + _last(output, 8),
            "A wheel for this Python and machine is missing from the index. Use Linux on x86-64 "
            "with Python 3.11, 3.12 or 3.13.",
        )
    return (
        "pip failed. Its last lines:\n" + _last(output, 12),
        "Read the whole output, then run the same command again.",
    )


def _last(output: str, count: int) -> str:
    return "\n".join(f"  {line}" for line in output.rstrip().splitlines()[-count:])
