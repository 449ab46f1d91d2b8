"""Tiny wheels that carry one file each, and the pages of a registry that offers them to pip."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence

from profiles.checkpoints.recipe import Gguf, WheelPart

VERSION = "0.9.0"


def a_gguf(contents: Sequence[bytes]) -> Gguf:
    """A GGUF file whose parts are `contents`, pinned as a recipe pins them."""
    whole = b"".join(contents)
    return Gguf(
        file_name="tiny.gguf",
        sha256=hashlib.sha256(whole).hexdigest(),
        size_bytes=len(whole),
        parts=tuple(
            WheelPart(
                package=f"tiny-part{number}",
                version=VERSION,
                member=f"tiny_part{number}/data/part{number:02}.bin",
                sha256=hashlib.sha256(content).hexdigest(),
                wheel_bytes=len(a_wheel(f"tiny-part{number}", content)),
            )
            for number, content in enumerate(contents, start=1)
        ),
    )


def a_wheel(package: str, content: bytes) -> bytes:
    folder = package.replace("-", "_")
    about = f"{folder}-{VERSION}.dist-info"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr(f"{folder}/data/part{package[-1]:0>2}.bin", content)
        wheel.writestr(f"{about}/METADATA", _metadata(package))
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return archive.getvalue()


def wheel_path(package: str) -> str:
    return f"/files/{package.replace('-', '_')}-{VERSION}-py3-none-any.whl"


def an_index(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a registry, by path, with the wheel of each package. Its address ends in
    `/simple/`."""
    files: dict[str, bytes] = {}
    for package, content in contents.items():
        path, wheel = wheel_path(package), a_wheel(package, content)
        digest = hashlib.sha256(wheel).hexdigest()
        files[path] = wheel
        files[f"{path}.metadata"] = _metadata(package).encode()
        files[f"/simple/{package}/"] = (
            f'<!DOCTYPE html><a href="{path}#sha256={digest}" data-core-metadata="true">'
            f"{path.rpartition('/')[2]}</a>"
        ).encode()
    return files


def _metadata(package: str) -> str:
    return f"Metadata-Version: 2.1\nName: {package}\nVersion: {VERSION}\n"
