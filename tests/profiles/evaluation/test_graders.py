from __future__ import annotations

from typing import get_args

import pytest

from profiles.evaluation.graders import GRADERS, GraderName

PERSON = """{
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"$ref": "#/$defs/years"}},
    "required": ["name"],
    "additionalProperties": false,
    "$defs": {"years": {"type": "integer", "minimum": 0}}
}"""
DOUBLE = "assert double(2) == 4\nassert double(-1) == -2"

CASES = [
    ("exact", "Paris.", "paris", 1),
    ("exact", "It is Paris", "paris", 0),
    ("exact", '"Colour"', "color|colour", 1),
    ("leading", "Yes, it is.", "yes", 1),
    ("leading", "**No.** Bats are mammals.", "no", 1),
    ("leading", "Not at all", "no", 0),
    ("leading", "I would say yes", "yes", 0),
    ("contains", "The capital of France is Paris.", "Paris", 1),
    ("contains", "He is a Parisian.", "Paris", 0),
    ("contains", "About seven days", "7|seven", 1),
    ("contains", "There are 17", "7|seven", 0),
    ("choice", "B", "B", 1),
    ("choice", "(B) Rome", "B", 1),
    ("choice", "B) Rome, because A) is wrong", "B", 1),
    ("choice", "The correct answer is: C", "C", 1),
    ("choice", "A) Hammer\n\nThe correct answer is C) Chair", "A", 0),
    ("choice", "A bird can fly", "A", 0),
    ("choice", "A", "B", 0),
    ("choice", "", "B", 0),
    ("number", "2 + 3 = 5", "5", 1),
    ("number", "The answer is 1,250.", "1250", 1),
    ("number", "First 3 + 4 = 7.\nThen 7 - 2 = 5.", "5", 1),
    ("number", "15", "5", 0),
    ("number", "about 3.15", "3.14±0.02", 1),
    ("number", "about 3.2", "3.14±0.02", 0),
    ("number", "-4", "-4", 1),
    ("number", "7-4=3", "3", 1),
    ("number", "five", "5", 0),
    ("regex", "PRINT('hello')", r"print\(", 1),
    ("regex", "echo hello", r"print\(", 0),
    ("token_f1", "the old bridge", "the old bridge", 1),
    ("token_f1", "the bridge", "the old stone bridge", 2 / 3),
    ("token_f1", "", "bridge", 0),
    ("number", "about 252", "250±2%", 1),
    ("number", "about 256", "250±2%", 0),
    ("number", "-98", "-100±2%", 1),
    ("json_schema", '{"name": "Ada", "age": 36}', PERSON, 1),
    ("json_schema", ' {"name": "Ada"}\n', PERSON, 1),
    ("json_schema", 'Here it is:\n```json\n{"name": "Ada"}\n```\nAnything else?', PERSON, 1),
    ("json_schema", '```\n{"name": "Ada"}\n```', PERSON, 1),
    ("json_schema", '```text\nAda\n```\n```json\n{"name": "Ada"}\n```', PERSON, 1),
    ("json_schema", '{"age": 36}', PERSON, 0),
    ("json_schema", '{"name": "Ada", "age": -1}', PERSON, 0),
    ("json_schema", '{"name": "Ada", "born": 1815}', PERSON, 0),
    ("json_schema", '{"name": "Ada"', PERSON, 0),
    ("json_schema", '{"name": "Ada"} is the answer', PERSON, 0),
    ("json_schema", "{'name': 'Ada'}", PERSON, 0),
    ("json_schema", '{"name": "Ada", "age": NaN}', PERSON, 0),
    ("json_schema", "[" * 100_000, PERSON, 0),
    ("json_schema", "", PERSON, 0),
    ("code", "def double(x):\n    return 2 * x", DOUBLE, 1),
    ("code", "Sure!\n```python\ndef double(x):\n    return 2 * x\n```\nIt adds.", DOUBLE, 1),
    ("code", "```\ndef double(x): return x + x\n```", DOUBLE, 1),
    ("code", "```bash\nls\n```\n```py\ndef double(x): return x + x\n```", DOUBLE, 1),
    ("code", "```python\ndef double(x): return x + x", DOUBLE, 1),
    ("code", "def double(x):\n    return x ** 2", DOUBLE, 0),
    ("code", "def triple(x):\n    return 3 * x", DOUBLE, 0),
    ("code", "I would multiply it by two.", DOUBLE, 0),
    ("code", "raise SystemExit(0)", DOUBLE, 0),
    ("code", "", DOUBLE, 0),
]


@pytest.mark.parametrize(("grader", "answer", "reference", "score"), CASES)
def test_an_answer_gets_the_score_a_person_would_give(
    grader: GraderName, answer: str, reference: str, score: float
) -> None:
    assert GRADERS[grader](answer, reference) == pytest.approx(score)


def test_every_grader_that_an_item_may_name_is_there() -> None:
    assert tuple(GRADERS) == get_args(GraderName)


def test_every_grader_is_tried_with_a_right_and_a_wrong_answer() -> None:
    tried = {(grader, score in (0, 0.0)) for grader, _, _, score in CASES}
    assert tried == {(grader, wrong) for grader in GRADERS for wrong in (True, False)}


@pytest.mark.parametrize(
    ("grader", "reference"),
    [
        ("choice", "Rome"),
        ("number", "five"),
        ("regex", "("),
        ("token_f1", "?!"),
        ("json_schema", "[]"),
        ("json_schema", '{"$ref": "#/$defs/absent"}'),
        ("json_schema", '{"$ref": "http://127.0.0.1:9/a.json"}'),
    ],
)
def test_a_reference_the_grader_cannot_compare_with_is_refused(
    grader: GraderName, reference: str
) -> None:
    with pytest.raises(ValueError, match=r"."):
        GRADERS[grader]('{"some": "answer"}', reference)


def test_only_what_runs_an_answer_is_slow() -> None:
    assert [name for name, grader in GRADERS.items() if grader.slow] == ["code"]
