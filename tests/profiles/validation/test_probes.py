"""What is asked of a running engine, and what is made of everything it may say."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest

from profiles.validation.probe_set import (
    Answer,
    Probe,
    Probes,
    ProbeSet,
    ProbesInvalid,
    read_probes,
)
from profiles.validation.probes import collect_probes
from tests.profiles.validation.fake_vllm import LIKELY, FakeModel, serving, tokens

TEXT = Probe(id="text", kind="text", topic="prose", content="one two three")
NUMBERS = Probe(id="numbers", kind="text", topic="numbers", content="1.5 65504 2.25")
PROMPT = Probe(id="ask", kind="prompt", topic="prose", content="say four words please")
SET = ProbeSet(probes=(TEXT, NUMBERS, PROMPT))


async def collected(
    model: FakeModel, *, chat: bool = True, continue_from: tuple[Answer, ...] | None = None
) -> Probes:
    with serving(model) as url:
        return await collect_probes(
            url=f"{url}/v1",
            model=model.name,
            probe_set=SET,
            chat=chat,
            continue_from=continue_from,
            progress=lambda done, of: None,
        )


async def test_every_token_but_the_first_of_a_text_is_scored() -> None:
    text = (await collected(FakeModel())).texts[0]

    assert (text.probe, text.origin) == ("text", "written")
    assert text.token_ids == tuple(tokens("two three"))
    assert text.logprobs == pytest.approx([log(LIKELY)] * 2)
    assert [token for token, _ in text.tops[0]] == [tokens("two")[0], 1]


async def test_an_answer_keeps_the_tokens_of_its_prompt() -> None:
    (answer,) = (await collected(FakeModel(answer="a b"))).answers

    assert answer.prompt_ids == tuple(tokens("user: say four words please"))
    assert (answer.token_ids, answer.text, answer.cut) == (tuple(tokens("a b")), "a b", False)


async def test_an_engines_own_answer_is_scored_unless_another_is_given() -> None:
    own = (await collected(FakeModel(answer="a b"))).texts[-1]
    parents = (await collected(FakeModel(answer="c d"))).answers

    given = (await collected(FakeModel(answer="a b"), continue_from=parents)).texts[-1]

    assert (own.origin, own.token_ids) == ("answer", tuple(tokens("a b")))
    assert (given.origin, given.token_ids) == ("answer", tuple(tokens("c d")))


async def test_a_model_without_a_chat_template_completes_the_prompt() -> None:
    (answer,) = (await collected(FakeModel(), chat=False)).answers

    assert answer.prompt_ids == tuple(tokens(PROMPT.content))


@pytest.mark.parametrize("writes_nan", [False, True])
async def test_numbers_on_which_the_engine_computes_nan_are_told(*, writes_nan: bool) -> None:
    probes = await collected(FakeModel(breaks_on="65504", writes_nan=writes_nan))

    (trouble,) = probes.troubles
    assert (trouble.probe, trouble.topic, trouble.kind) == ("numbers", "numbers", "not_finite")
    assert [text.probe for text in probes.texts] == ["text", "ask"]


async def test_a_chat_answer_of_nan_is_told() -> None:
    (trouble,) = (await collected(FakeModel(breaks_on="say", writes_nan=True))).troubles

    assert (trouble.probe, trouble.kind) == ("ask", "not_finite")


async def test_an_error_on_one_probe_leaves_the_others(tmp_path: Path) -> None:
    probes = await collected(FakeModel(fails_on="say"))

    (trouble,) = probes.troubles
    assert (trouble.probe, trouble.kind) == ("ask", "error")
    assert trouble.told.startswith("HTTP 500")
    assert len(probes.texts) == 2


async def test_an_engine_that_is_gone_is_an_error_on_every_probe() -> None:
    with serving(FakeModel()) as url:
        pass

    probes = await collect_probes(
        url=url, model="tiny-bf16", probe_set=SET, progress=lambda done, of: None
    )

    assert [trouble.kind for trouble in probes.troubles] == ["error"] * 3


async def test_progress_reaches_its_end() -> None:
    told: list[tuple[int, int]] = []

    with serving(FakeModel()) as url:
        await collect_probes(
            url=url,
            model="tiny-bf16",
            probe_set=SET,
            progress=lambda done, of: told.append((done, of)),
        )

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_shipped_probes_cover_what_breaks_first() -> None:
    probes = read_probes()

    texts = {probe.topic for probe in probes.texts}
    assert {"numbers", "formulas", "code", "languages", "prose"} <= texts
    assert {"numbers", "formulas"} <= {probe.topic for probe in probes.prompts}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": "a", "kind": "text", "topic": "x"}', "line 2: content: got nothing"),
        ('{"id": "a", "kind": "song", "topic": "x", "content": "y"}', "line 2: kind: got 'song'"),
        ('{"id": "t", "kind": "text", "topic": "x", "content": "y"}', "'t' is taken"),
        ("", "at least one probe of kind 'text' and one of kind 'prompt'"),
    ],
)
def test_a_wrong_file_of_probes_is_refused_with_line_and_field(
    tmp_path: Path, line: str, told: str
) -> None:
    file = tmp_path / "probes.jsonl"
    file.write_text(f'{{"id": "t", "kind": "text", "topic": "x", "content": "y"}}\n{line}\n')

    with pytest.raises(ProbesInvalid) as refused:
        read_probes(file)

    assert told in str(refused.value)
