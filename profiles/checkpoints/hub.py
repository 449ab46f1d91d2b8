"""The model hub as a source: the files of a repository, each checked against its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from profiles.checkpoints.download import download, open_client
from profiles.checkpoints.errors import DownloadFailed, SourceUnavailable, WrongDigest
from profiles.checkpoints.manifest import Origin
from profiles.checkpoints.progress import Portion, Progress
from profiles.checkpoints.recipe import Base

# A hub that cannot be reached may cost no more than this before the next source is tried.
REACH_TIMEOUT_S = 5.0
WANTED = (".json", ".jinja", ".safetensors", ".model", "merges.txt", "vocab.txt")


class HubSource:
    """huggingface_hub's settings hold: its token, its endpoint, its offline switch.

    Files are not downloaded with huggingface_hub, because it starts again after a killed run.
    """

    name = "model hub"

    def __init__(
        self, endpoint: str | None = None, *, reach_timeout_s: float = REACH_TIMEOUT_S
    ) -> None:
        self._endpoint = endpoint
        self._reach_timeout_s = reach_timeout_s

    def fetch(self, recipe: Base, folder: Path, kept: Path, progress: Progress) -> Origin:
        with unavailable_named():
            with progress.step(f"Asking the model hub for {recipe.hub_repo}"):
                info = HfApi(endpoint=self._endpoint).model_info(
                    recipe.hub_repo, files_metadata=True, timeout=self._reach_timeout_s
                )
            siblings = [s for s in info.siblings or () if wanted(s.rfilename)]
            of_this_commit = kept / f"hub-{info.sha}"
            of_this_commit.mkdir(parents=True, exist_ok=True)
            total_bytes = sum(sibling.size or 0 for sibling in siblings)
            before_bytes = 0
            text = f"Downloading {info.id} ({total_bytes / 1e6:.0f} MB)"
            with progress.step(text) as step, open_client() as client:
                for sibling in siblings:
                    name = sibling.rfilename
                    target = of_this_commit / name
                    if not target.exists():
                        download(
                            client,
                            hf_hub_url(info.id, name, revision=info.sha, endpoint=self._endpoint),
                            target,
                            Portion(step, before_bytes, total_bytes).at,
                            headers=build_hf_headers(),
                        )
                    check(target, sibling)
                    before_bytes += sibling.size or 0
        for sibling in siblings:
            (of_this_commit / sibling.rfilename).replace(folder / sibling.rfilename)
        return Origin(
            source="hub",
            detail=f"{recipe.hub_repo}@{info.sha}",
            tools={"huggingface-hub": version("huggingface-hub")},
        )


@contextmanager
def unavailable_named() -> Iterator[None]:
    """Turns whatever keeps a hub from delivering into `SourceUnavailable`."""
    try:
        yield
    except (HfHubHTTPError, httpx2.TransportError, DownloadFailed) as error:
        raise SourceUnavailable(HubSource.name, _first_line(error)) from error
    except OSError as error:
        # huggingface_hub's own (offline, for example) have no errno; a full disk has.
        if error.errno is not None:
            raise
        raise SourceUnavailable(HubSource.name, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def wanted(name: str) -> bool:
    """Top-level files of the checkpoint; not other formats, nor training leftovers."""
    return "/" not in name and name.endswith(WANTED)


def check(path: Path, sibling: RepoSibling) -> None:
    """Removes a file whose bytes are not the published ones, and raises `WrongDigest`.

    Large files are published with their SHA-256, small ones with git's digest of a blob.
    """
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
        path.unlink()
        raise WrongDigest(path.name, HubSource.name, expected, got)
