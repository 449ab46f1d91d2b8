"""One validation from files to verdict, with fake engines behind real addresses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from profiles.errors import EngineUnsuitable
from profiles.profiling.engine import EngineSpec
from profiles.profiling.profile_file import kept_failure, verdict_path
from profiles.validation.claims import claim_named
from profiles.validation.probe_cache import ProbeCache, ProbeKey
from profiles.validation.probe_set import Probe, ProbeSet, Trouble
from profiles.validation.validate import Step, Validation, record_verdict, validate
from profiles.validation.verdict import Check, Verdict
from serve_app.store.codec import decode_profile, encode_profile
from tests.builders import a_profile
from tests.profiles.samples import a_spec
from tests.profiles.validation.evidence import some_probes
from tests.profiles.validation.fake_vllm import FakeModel, serving
from tests.profiles.validation.folders import int8, write_checkpoint

PROBES = ProbeSet(
    probes=(
        Probe(id="text", kind="text", topic="prose", content="one two three four"),
        Probe(id="sums", kind="text", topic="numbers", content="65504 448 57344"),
        Probe(id="ask", kind="prompt", topic="prose", content="say four words please"),
    )
)


@dataclass(frozen=True)
class Setting:
    """Two checkpoints on disk; what their engines are is up to the test."""

    folder: Path

    def validation(self, own: str, parents: str, *, claims: str = "w8a8") -> Validation:
        claim = claim_named(claims)
        return Validation(
            candidate=self._spec("tiny-w8a8", own),
            parent=self._spec("tiny-bf16", parents),
            claim=claim,
            probe_set=PROBES,
            scratch=self.folder,
            cache=ProbeCache(self.folder / "cache"),
        )

    def _spec(self, name: str, url: str) -> EngineSpec:
        return replace(a_spec(name), checkpoint=str(self.folder / name), url=url)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    write_checkpoint(tmp_path / "tiny-bf16")
    write_checkpoint(tmp_path / "tiny-w8a8", int8(), quantization={"quant_method": "x"})
    return Setting(tmp_path)


def silent(step: Step, done: int, of: int) -> None:
    """Nobody looks."""


async def verdict_of(setting: Setting, own: FakeModel, parent: FakeModel | None = None) -> Verdict:
    with serving(own) as url, serving(parent or FakeModel()) as parents:
        return await validate(setting.validation(url, parents), progress=silent)


async def test_a_sound_quantization_passes(setting: Setting) -> None:
    verdict = await verdict_of(setting, FakeModel(name="tiny-w8a8", likely=0.59))

    assert [check.name for check in verdict.failures] == []
    assert len(verdict.checks) > 15


async def test_garbage_on_dense_numbers_fails_where_prose_is_fine(setting: Setting) -> None:
    own = FakeModel(name="tiny-w8a8", likely=0.59, breaks_on="65504")

    verdict = await verdict_of(setting, own)

    (failure,) = verdict.failures
    assert failure.name == "finite log-probabilities"
    assert "sums (numbers)" in failure.seen


async def test_an_engine_that_is_the_parent_fails(setting: Setting) -> None:
    verdict = await verdict_of(setting, FakeModel(name="tiny-w8a8"))

    assert [check.name for check in verdict.failures] == ["differs from the parent"]


async def test_an_engine_with_a_template_of_its_own_fails(setting: Setting) -> None:
    own = FakeModel(name="tiny-w8a8", likely=0.59, template="[INST] ")

    assert [check.name for check in (await verdict_of(setting, own)).failures] == ["same tokens"]


async def test_no_engine_is_asked_when_the_files_fail(setting: Setting) -> None:
    file = setting.folder / "tiny-w8a8" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-50])
    nowhere = "http://127.0.0.1:9"

    verdict = await validate(setting.validation(nowhere, nowhere), progress=silent)

    assert [check.name for check in verdict.failures] == ["files"]


async def test_an_engine_that_cannot_be_had_is_no_verdict(setting: Setting) -> None:
    nowhere = "http://127.0.0.1:9"

    with pytest.raises(EngineUnsuitable):
        await validate(setting.validation(nowhere, nowhere), progress=silent)


async def test_thresholds_that_are_set_take_the_place_of_the_defaults(setting: Setting) -> None:
    with serving(FakeModel(name="tiny-w8a8", likely=0.59)) as own, serving(FakeModel()) as parents:
        asked = replace(setting.validation(own, parents), thresholds={"kl_nats_max": 1e-9})
        verdict = await validate(asked, progress=silent)

    assert [check.name for check in verdict.failures] == ["KL divergence"]


async def test_the_steps_are_told_in_their_order(setting: Setting) -> None:
    steps: list[str] = []

    with serving(FakeModel(name="tiny-w8a8")) as own, serving(FakeModel()) as parents:
        await validate(
            setting.validation(own, parents), progress=lambda step, done, of: steps.append(step)
        )

    assert list(dict.fromkeys(steps)) == [
        "reading files",
        "parent's engine",
        "candidate's engine",
    ]


A_KEY = ProbeKey(checkpoint="sha", engine="vllm 1", engine_kwargs={"dtype": "bf16"}, probe_set="p")


def test_a_parents_probes_are_found_again(tmp_path: Path) -> None:
    cache, probes = ProbeCache(tmp_path), some_probes()

    cache.save(A_KEY, probes)

    assert cache.load(A_KEY) == probes


@pytest.mark.parametrize(
    "other",
    [
        replace(A_KEY, checkpoint="another"),
        replace(A_KEY, engine="vllm 2"),
        replace(A_KEY, engine_kwargs={"dtype": "fp16"}),
        replace(A_KEY, probe_set="others"),
    ],
)
def test_anything_else_than_the_same_is_not_found(tmp_path: Path, other: ProbeKey) -> None:
    cache = ProbeCache(tmp_path)
    cache.save(A_KEY, some_probes())

    assert cache.load(other) is None


def test_a_run_with_trouble_is_not_kept(tmp_path: Path) -> None:
    cache = ProbeCache(tmp_path)
    trouble = Trouble(probe="ask", topic="prose", kind="error", told="HTTP 500")

    cache.save(A_KEY, some_probes(troubles=(trouble,)))

    assert cache.load(A_KEY) is None


def test_a_file_of_another_version_counts_as_none(tmp_path: Path) -> None:
    cache = ProbeCache(tmp_path)
    cache.save(A_KEY, some_probes())
    (file,) = tmp_path.iterdir()
    file.write_text('{"texts": [{}]}')

    assert cache.load(A_KEY) is None


FAILED = Verdict(checks=(Check(name="files", passed=False, seen="cut off", allowed="whole"),))


def test_the_verdict_stands_in_the_pairs_profile(tmp_path: Path) -> None:
    path = tmp_path / "tiny" / "pair-a@CPU.json"
    path.parent.mkdir()
    path.write_text(encode_profile(a_profile("pair-a")))

    spec = replace(a_spec("pair-a"), checkpoint_name="pair-a-w8a8")
    assert record_verdict(tmp_path, spec, FAILED, date="2026-01-01") == path

    golden = decode_profile(path.read_text(), str(path)).golden
    assert golden is not None
    assert (golden.passed, golden.checks, golden.date) == (False, 1, "2026-01-01")
    assert golden.checkpoint == "pair-a-w8a8"
    assert golden.reason == "files: cut off (allowed: whole)"


def test_a_failure_before_the_first_profile_is_kept_for_it(tmp_path: Path) -> None:
    path = tmp_path / "tiny" / "new@CPU.json"

    recorded = record_verdict(tmp_path, a_spec("new"), FAILED, date="2026-01-01")

    assert recorded == verdict_path(path)
    assert not path.exists()
    kept = kept_failure(path)
    assert kept is not None
    assert kept.reason == "files: cut off (allowed: whole)"


def test_a_pass_ends_what_a_failure_has_left(tmp_path: Path) -> None:
    path = tmp_path / "tiny" / "new@CPU.json"
    record_verdict(tmp_path, a_spec("new"), FAILED, date="2026-01-01")

    record_verdict(tmp_path, a_spec("new"), Verdict(checks=()), date="2026-01-02")

    assert kept_failure(path) is None
