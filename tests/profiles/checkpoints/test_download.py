"""Downloads that go on where they stopped, from servers that behave and servers that do not."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from profiles.checkpoints.download import ATTEMPTS, PARTIAL_SUFFIX, download, open_client
from profiles.checkpoints.errors import DownloadFailed
from tests.paths import REPOSITORY
from tests.profiles.file_server import FileServer, file_server

CONTENT = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(250))
HALF = len(CONTENT) // 2
PATH = "/file.whl"

KILLED_MIDWAY = """
import sys, time
from pathlib import Path
from profiles.checkpoints.download import download, open_client

def hang(have, total):
    print(have, flush=True)
    time.sleep(600)

with open_client() as client:
    download(client, sys.argv[1], Path(sys.argv[2]), hang)
"""


def get(server: FileServer, target: Path) -> list[tuple[int, int | None]]:
    """Downloads without pauses, and returns what was reported."""
    reported: list[tuple[int, int | None]] = []
    with open_client() as client:
        download(
            client,
            server.url + PATH,
            target,
            lambda have, total: reported.append((have, total)),
            pause=lambda _: None,
        )
    return reported


def leave_half(target: Path, content: bytes = CONTENT[:HALF]) -> Path:
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    partial.write_bytes(content)
    return partial


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.whl"


def test_a_file_arrives_whole_with_its_size_reported(target: Path) -> None:
    with file_server({PATH: CONTENT}) as server:
        reported = get(server, target)
    assert target.read_bytes() == CONTENT
    assert reported[-1] == (len(CONTENT), len(CONTENT))
    assert list(target.parent.iterdir()) == [target]


def test_only_the_rest_of_a_file_is_asked_for(target: Path) -> None:
    leave_half(target)
    with file_server({PATH: CONTENT}) as server:
        reported = get(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [(PATH, f"bytes={HALF}-")]
    assert reported[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("answer", ["whole", "other range"])
def test_a_server_that_cannot_go_on_starts_over(target: Path, answer: str) -> None:
    leave_half(target)
    with file_server({PATH: CONTENT}, {PATH: [answer]}) as server:
        get(server, target)
    assert target.read_bytes() == CONTENT


def test_a_range_of_unknown_size_is_taken(target: Path) -> None:
    leave_half(target)
    with file_server({PATH: CONTENT}, {PATH: ["no range total"]}) as server:
        get(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_file_that_was_already_whole_is_taken_as_it_is(target: Path) -> None:
    leave_half(target, CONTENT)
    with file_server({PATH: CONTENT}) as server:
        get(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_longer_file_than_the_servers_starts_over(target: Path) -> None:
    leave_half(target, CONTENT + b"more")
    with file_server({PATH: CONTENT}) as server:
        get(server, target)
    assert target.read_bytes() == CONTENT


def test_a_body_that_is_cut_short_is_continued(target: Path) -> None:
    with file_server({PATH: CONTENT}, {PATH: ["cut", "cut", "cut"]}) as server:
        get(server, target)
    assert target.read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [
        None,
        f"bytes={HALF}-",
        f"bytes={HALF + HALF // 2}-",
        f"bytes={HALF + HALF // 2 + HALF // 4}-",
    ]


def test_a_temporary_answer_is_tried_again(target: Path) -> None:
    with file_server({PATH: CONTENT}, {PATH: ["503", "429", "500"]}) as server:
        get(server, target)
    assert target.read_bytes() == CONTENT


def test_attempts_without_a_new_byte_come_to_an_end_and_keep_what_is_there(target: Path) -> None:
    partial = leave_half(target)
    with (
        file_server({PATH: CONTENT}, {PATH: ["503"] * 100}) as server,
        pytest.raises(DownloadFailed, match=r"503; 0\.0 MB are kept, run again to go on"),
    ):
        get(server, target)
    assert len(server.asked) == ATTEMPTS
    assert partial.read_bytes() == CONTENT[:HALF]
    assert not target.exists()


@pytest.mark.parametrize("answer", ["401", "403", "404", "gzip"])
def test_a_refusal_is_final(target: Path, answer: str) -> None:
    with (
        file_server({PATH: CONTENT}, {PATH: [answer]}) as server,
        pytest.raises(DownloadFailed) as caught,
    ):
        get(server, target)
    assert answer in str(caught.value)
    assert len(server.asked) == 1


def test_no_server_is_an_error_that_names_the_host(target: Path) -> None:
    with file_server({}) as server:
        pass
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1: "):
        get(server, target)


def test_a_full_disk_is_the_systems_error(tmp_path: Path) -> None:
    target = tmp_path / "file.whl"
    (tmp_path / f"file.whl{PARTIAL_SUFFIX}").symlink_to("/dev/full")
    with file_server({PATH: CONTENT}) as server, pytest.raises(OSError, match="No space left"):
        get(server, target)
    assert not target.exists()


def test_a_killed_process_leaves_its_bytes_to_the_next(target: Path) -> None:
    large = CONTENT * 100
    with file_server({PATH: large}) as server:
        command = [sys.executable, "-c", KILLED_MIDWAY, server.url + PATH, str(target)]
        with subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        kept = Path(f"{target}{PARTIAL_SUFFIX}").stat().st_size
        assert 0 < kept < len(large)
        get(server, target)
    assert target.read_bytes() == large
    assert server.asked[-1] == (PATH, f"bytes={kept}-")


def test_a_certificate_bundle_of_pips_settings_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("no certificate")
    monkeypatch.setenv("PIP_CERT", str(bundle))
    with pytest.raises(OSError, match=r"NO_CERTIFICATE|SSL"):
        open_client()


def test_a_proxy_of_pips_settings_is_asked(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with file_server({PATH: CONTENT}) as proxy:
        monkeypatch.setenv("PIP_PROXY", proxy.url)
        with open_client() as client, pytest.raises(DownloadFailed):
            download(client, "http://registry.invalid/file", target, lambda *_: None)
    assert proxy.asked[0][0].endswith("registry.invalid/file")
