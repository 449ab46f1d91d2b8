"""Secrets by reference: `${NAME}` is an environment variable, `${file:PATH}` a file's text.

The settings keep the reference. Only the process that needs a secret resolves it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

REFERENCE = re.compile(r"\$\{(?P<file>file:)?(?P<name>[^{}]+)\}")


class SecretMissing(ValueError):
    """A reference leads to nothing. The text has the reference and never a value."""

    def __init__(self, reference: str, problem: str) -> None:
        super().__init__(reference, problem)
        self.reference = reference
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.reference}: {self.problem}"


def resolved(text: str) -> str:
    """`text` with every reference replaced by its secret. Raises `SecretMissing`."""
    return REFERENCE.sub(_secret, text)


def resolved_address(address: str) -> str:
    """The address of a store with its secrets. Raises `SecretMissing`.

    A secret that is a part of a URL is percent-encoded, so a password may contain any character.
    An address that is one reference is the secret as it is.
    """
    if REFERENCE.fullmatch(address):
        return resolved(address)
    return REFERENCE.sub(lambda found: quote(_secret(found), safe=""), address)


def _secret(found: re.Match[str]) -> str:
    name = found["name"]
    if found["file"]:
        try:
            return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            raise SecretMissing(
                found[0],
                f"the file cannot be read ({reason}); mount it where this process runs, and make "
                f"it readable",
            ) from None
    if not (value := os.environ.get(name)):
        raise SecretMissing(
            found[0], "the variable is not set; set it in the environment of this process"
        )
    return value
