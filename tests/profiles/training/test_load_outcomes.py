from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from profiles.training.load_outcomes import read_table
from profiles.training.outcomes import OutcomesUnusable


def written(folder: Path, name: str, text: str) -> list[Path]:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return [path]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def an_outcome(**changes: object) -> dict[str, object]:
    outcome = {
        "pair": "p",
        "item": "i",
        "digest": "d",
        "task": "code",
        "difficulty": None,
        "messages": said("Write it."),
        "answer": "x",
        "score": 1.0,
        "prompt_tokens": 4,
        "completion_tokens": 20,
    }
    return {**outcome, **changes}


def outcomes(folder: Path, name: str, *lines: dict[str, object]) -> list[Path]:
    header = {"format": "quantroute-outcomes-1", "items_digest": "x"}
    return written(folder, name, "".join(f"{json.dumps(line)}\n" for line in (header, *lines)))


def test_a_table_has_a_pair_in_each_column_that_is_nothing_else(tmp_path: Path) -> None:
    text = 'question_id,category,prompt,small,large,small|chars\n1,law,"a\nb",0,1,80\n'
    table = read_table(written(tmp_path, "a.csv.gz", text))
    assert table.pairs == ("small", "large")
    assert table.kinds == ("law",)
    assert table.prompts == ("a\nb",)
    assert table.scores.tolist() == [[0.0, 1.0]]
    assert table.answer_chars[0, 0] == 80
    assert np.isnan(table.answer_chars[0, 1])


def test_lines_of_scores_may_name_different_pairs(tmp_path: Path) -> None:
    lines = [{"prompt": "a", "scores": {"x": 1.0}}, {"prompt": "b", "scores": {"x": 0, "y": 0.5}}]
    table = read_table(written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)) + "\n"))
    assert table.pairs == ("x", "y")
    assert np.isnan(table.scores[0, 1])
    assert table.scores[1].tolist() == [0.0, 0.5]


def test_the_routers_own_outcomes_are_read_and_failures_are_said(tmp_path: Path) -> None:
    failed = an_outcome(digest="e", answer=None, score=None, error="timeout")
    table = read_table(outcomes(tmp_path, "a.outcomes.jsonl", an_outcome(), failed))
    assert (table.prompts, table.kinds, table.pairs) == (("Write it.",), ("code",), ("p",))
    assert table.answer_chars[0, 0] == 80
    assert table.notes == ("a.outcomes.jsonl: 1 outcomes without a score left out",)


def test_what_a_router_took_a_request_for_is_told_from_a_task_that_was_named(
    tmp_path: Path,
) -> None:
    header = {"format": "quantroute-outcomes-1", "items_digest": "requests"}
    lines = (header, an_outcome(digest="e", messages=said("Mend it.")))
    written(tmp_path, "log.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    named = outcomes(tmp_path, "a.outcomes.jsonl", an_outcome())
    table = read_table([*named, tmp_path / "log.jsonl"])
    assert dict(zip(table.prompts, table.kinds, strict=True)) == {
        "Write it.": "code",
        "Mend it.": "code, as routed",
    }


def test_graded_requests_without_their_prompt_are_left_out_and_said(tmp_path: Path) -> None:
    table = read_table(
        outcomes(tmp_path, "log.jsonl", an_outcome(digest="e", messages=[]), an_outcome())
    )
    assert table.prompts == ("Write it.",)
    assert table.notes == (
        "log.jsonl: 1 graded requests without their prompt left out; "
        "feedback.log_prompts keeps prompts",
    )


def test_a_log_without_any_prompt_says_how_to_keep_prompts(tmp_path: Path) -> None:
    with pytest.raises(
        OutcomesUnusable, match=r"none of its 1 .* set feedback.log_prompts to true"
    ):
        read_table(outcomes(tmp_path, "log.jsonl", an_outcome(messages=[])))


def test_several_scores_of_one_answer_count_with_their_mean(tmp_path: Path) -> None:
    table = read_table(
        outcomes(
            tmp_path,
            "log.jsonl",
            an_outcome(item="caller:1", score=1.0, completion_tokens=10),
            an_outcome(item="shadow:1", score=0.0, completion_tokens=None),
            an_outcome(item="caller:2", score=0.5, completion_tokens=30),
            an_outcome(item="caller:3", score=0.0, pair="q"),
        )
    )
    assert table.scores.tolist() == [[0.5, 0.0]]
    assert table.answer_chars.tolist() == [[80.0, 80.0]]
    assert table.notes == (
        "log.jsonl: 1 answers of one pair to one question scored more than once; the mean counts",
    )


def test_outcome_files_put_one_after_the_other_are_read(tmp_path: Path) -> None:
    (first,) = outcomes(tmp_path, "first.jsonl", an_outcome())
    (second,) = outcomes(tmp_path, "second.jsonl", an_outcome(digest="e", messages=said("Other.")))
    both = first.read_text() + second.read_text()
    assert read_table(written(tmp_path, "both.jsonl", both)).prompts == ("Write it.", "Other.")


def test_a_pair_scored_on_a_prompt_in_several_files_counts_with_the_mean(tmp_path: Path) -> None:
    first = written(tmp_path, "a.csv", "prompt,x,y\na,1,\nb,0,1\n")
    second = written(tmp_path, "b.csv", "category,prompt,x\nlaw,a,0\nlaw,c,1\n")
    table = read_table([*first, *second])
    assert table.prompts == ("a", "b", "c")
    assert table.kinds == ("law", "any", "law")
    assert table.scores[:, 0].tolist() == [0.5, 0.0, 1.0]
    assert table.notes == ("1 prompts have scores of one pair in several files; the mean counts",)


def test_prompts_and_pairs_without_any_score_are_left_out_and_said(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a.csv", "prompt,x,y\na,1,\nb,,\n,1,\n"))
    assert (table.prompts, table.pairs) == (("a",), ("x",))
    assert table.notes == (
        "a.csv: 1 rows without a prompt left out",
        "a.csv: 1 prompts without any score left out",
        "a.csv: 1 pairs without any score left out: y",
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffprompt,x\na,1\n",
        "prompt,x\r\na,1\r\n",
        "x,prompt\r\n1,a\r\n",
        '"x", prompt\n1,a\n',
        "\nprompt,x\n\na,1\n\n",
        "prompt,x,key|\na,1,B\n",
        '\ufeff{"prompt": "a", "scores": {"x": 1}}\r\n',
        '\n{"prompt": "a", "scores": {"x": 1}, "more": []}\n\n',
    ],
)
def test_files_of_other_programs_are_read(tmp_path: Path, text: str) -> None:
    table = read_table(written(tmp_path, "a.txt", text))
    assert (table.prompts, table.pairs, table.scores.tolist()) == (("a",), ("x",), [[1.0]])


def test_line_ends_within_a_prompt_are_kept(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a.csv", 'prompt,x\r\n"a\r\nb",1\r\n'))
    assert table.prompts == ("a\r\nb",)


def test_what_several_files_ask_of_different_pairs_is_one_row(tmp_path: Path) -> None:
    first = written(tmp_path, "a.csv", "prompt,category,x,x|chars\na,law,1,80\nb,law,0,8\n")
    second = written(tmp_path, "b.csv", "prompt,category,y,y|chars\nb,law,1,16\na,law,0,4\n")
    table = read_table([*first, *second])
    assert table.prompts == ("a", "b")
    assert table.scores.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert table.answer_chars.tolist() == [[80.0, 4.0], [8.0, 16.0]]
    assert table.notes == ()


def test_a_line_for_each_answer_to_a_prompt_is_one_row(tmp_path: Path) -> None:
    lines = [{"prompt": "a", "scores": {pair: 1}} for pair in ("x", "y", "x")]
    table = read_table(written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines))))
    assert table.scores[0].tolist() == [1.0, 1.0]
    assert np.isnan(table.scores[1, 1])
    assert table.notes == (
        "a.jsonl: 1 rows put to others of the same prompt, answered by other pairs",
    )


def test_a_prompt_that_one_pair_was_asked_twice_keeps_both_rows(tmp_path: Path) -> None:
    first = written(tmp_path, "a.csv", "prompt,x\na,1\na,0\n")
    second = written(tmp_path, "b.csv", "prompt,y\na,0.5\n")
    table = read_table([*first, *second])
    assert table.prompts == ("a", "a")
    assert table.scores[:, 0].tolist() == [1.0, 0.0]
    assert table.scores[0, 1] == 0.5
    assert np.isnan(table.scores[1, 1])


def test_files_are_joined_and_known_by_their_digest(tmp_path: Path) -> None:
    first = written(tmp_path, "a.csv", "prompt,x\na,1\n")
    second = written(tmp_path, "b.csv", "prompt,y\nb,0\n")
    table = read_table([*first, *second])
    assert table.pairs == ("x", "y")
    assert np.isnan(table.scores[0, 1])
    assert [name for name, _ in table.data] == ["a.csv", "b.csv"]
    assert len({digest for _, digest in table.data}) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompt,x\na,1.5\n", r"line 2, column 'x': 1.5 is no score; scores are 0 to 1"),
        ("prompt,x\na,inf\n", r"line 2, column 'x': inf is no score"),
        ("prompt,x,year\na,1,1998\n", r"left out when it is named with a \|, such as 'year\|'"),
        ("prompt,x\na,yes\n", r"line 2, column 'x': got 'yes', which is no number"),
        ('prompt,x,key\n"a\nb",1,B\n', r"line 3, column 'key': got 'B'.* such as 'key\|'"),
        ("prompt,x,x|chars\na,1,-5\n", r"line 2, column 'x\|chars': -5 is no length"),
        ("prompt,x,x\na,1,0\n", "more than one column is named x"),
        ("prompt,x\na,1\nb\n", "line 3: 1 fields under 2 columns"),
        ("prompt,x\na,1,2\n", "line 2: 3 fields under 2 columns"),
        ("prompt,x\na,\n", "no outcome to learn from"),
        ("prompt,x\n ,1\n", "no outcome to learn from"),
        ("prompt,category\na,law\n", "no column with a pair's scores"),
        ("prompt,x\n", "no row"),
        ("hello\n", "its first line is 'hello'"),
        ("", "its first line is ''"),
        ('{"prompt": "a", "scores": {"x": 2}}\n', "1 scores are outside 0 to 1, first 2 of 'x'"),
        ('{"prompt": "a", "scores": {"x": NaN}}\n', "line 1: scores.x: got nan"),
        ('{"prompt": "a", "scores": {"x": 1}}\n\n{"prompt": ', "line 3: .*Invalid JSON"),
        ('{"prompt": "a"}\n', "line 1: scores: got nothing"),
        ('{"prompt": "a", "scores": {}}\n', "line 1: scores"),
        ('{"format":"quantroute-outcomes-1"}\n{"pair": "p"}\n', "line 2: item: got nothing"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OutcomesUnusable, match=said):
        read_table(written(tmp_path, "a.txt", text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OutcomesUnusable, match="no UTF-8"):
        read_table([tmp_path / "a.csv"])


@pytest.mark.parametrize("damage", [lambda raw: raw[:-12], lambda raw: raw[:15] + b"x" + raw[16:]])
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    whole = gzip.compress(b"prompt,x\n" + b"a,1\n" * 1_000)
    (tmp_path / "a.csv.gz").write_bytes(damage(whole))
    with pytest.raises(OutcomesUnusable, match=r"a.csv.gz: the compressed file is damaged"):
        read_table([tmp_path / "a.csv.gz"])


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = written(tmp_path, "a.csv", "prompt,x\na,1\n")
    second = written(tmp_path / "other", "a.csv", "prompt,x\nb,1\n")
    assert len(dict(read_table([*first, *second]).data)) == 2
