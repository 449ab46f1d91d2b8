from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from profiles.learning.outcome_table import OutcomesUnusable
from profiles.learning.read_table import read_table


def written(folder: Path, name: str, text: str) -> list[Path]:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return [path]


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
    outcome = {
        "pair": "p",
        "item": "i",
        "digest": "d",
        "task": "code",
        "difficulty": None,
        "messages": [{"role": "user", "content": "Write it."}],
        "answer": "x",
        "score": 1.0,
        "prompt_tokens": 4,
        "completion_tokens": 20,
    }
    failed = {**outcome, "digest": "e", "answer": None, "score": None, "error": "timeout"}
    lines = [{"format": "quantroute-outcomes-1", "items_digest": "x"}, outcome, failed]
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    table = read_table(written(tmp_path, "a.outcomes.jsonl", text))
    assert (table.prompts, table.kinds, table.pairs) == (("Write it.",), ("code",), ("p",))
    assert table.answer_chars[0, 0] == 80
    assert table.notes == ("a.outcomes.jsonl: 1 outcomes without a score left out",)


def test_what_several_files_ask_of_different_pairs_is_one_row(tmp_path: Path) -> None:
    first = written(tmp_path, "a.csv", "prompt,category,x,x|chars\na,law,1,80\nb,law,0,8\n")
    second = written(tmp_path, "b.csv", "prompt,category,y,y|chars\nb,law,1,16\na,law,0,4\n")
    table = read_table([*first, *second])
    assert table.prompts == ("a", "b")
    assert table.scores.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert table.answer_chars.tolist() == [[80.0, 4.0], [8.0, 16.0]]
    assert table.notes == ("2 rows put to others of the same prompt, answered by other pairs",)


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
        ("prompt,x\na,1.5\n", r"1 scores are outside 0 to 1, first 1.5 of 'x' on 'a'"),
        ("prompt,x\na,yes\n", r"x: got 'yes', which is no number"),
        ("prompt,category\na,law\n", "no column with a pair's scores"),
        ("prompt,x\n", "no row"),
        ("hello\n", "its first line is 'hello'"),
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
