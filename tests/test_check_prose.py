"""The prose check finds what it should, and leaves code alone."""

from __future__ import annotations

import re

import pytest

from docs.check_prose import (
    STILL_IN_CODE,
    WORDS,
    Finding,
    check_page,
    check_source,
    over_allowance,
    prose_of,
    sentences_in,
)


def found(findings: list[Finding]) -> list[tuple[int, str]]:
    return [(finding.line, finding.word) for finding in findings]


def test_a_word_of_the_list_is_found_with_its_place_and_a_plain_alternative() -> None:
    (finding,) = check_page("page.md", "# Title\n\nThe log says why.\n")

    assert str(finding) == "page.md:3: 'says': write reports, returns, states"


def test_the_marks_of_a_merge_are_found() -> None:
    page = "<<<<<<< HEAD\nOne.\n=======\nTwo.\n>>>>>>> 5614f33 (Two)\n"

    assert [finding.line for finding in check_page("page.md", page)] == [1, 3, 5]


@pytest.mark.parametrize("word", ["Nobody", "mended", "dearest", "beside", "for ever", "TOLD"])
def test_a_word_is_found_in_any_case_and_form(word: str) -> None:
    assert found(check_page("page.md", f"It is {word} here.\n")) == [(1, word.lower())]


@pytest.mark.parametrize("word", ["besides", "recommend", "endeared", "unsaid", "amendment"])
def test_a_word_inside_another_word_is_no_finding(word: str) -> None:
    assert check_page("page.md", f"It is {word} here.\n") == []


@pytest.mark.parametrize(
    "code",
    [
        "```sh\necho nobody; exit\n```\n",
        "- A list:\n\n  ```\n  nobody;\n  ```\n",
        "Call `nobody; whoever`.\n",
        "Call `nobody\nwhoever`.\n",
        "    nobody = 1;\n",
    ],
)
def test_code_on_a_page_is_skipped(code: str) -> None:
    assert check_page("page.md", code) == []


def test_a_page_without_its_code_keeps_its_line_numbers() -> None:
    page = "One.\n```\nnobody\n```\nIt says so.\n"

    assert prose_of(page).count("\n") == page.count("\n")
    assert found(check_page("page.md", page)) == [(5, "says")]


def test_three_semicolons_in_a_hundred_sentences_are_allowed_and_four_are_not() -> None:
    three = "One; two. " * 3 + "Short. " * 97
    four = "One; two. " * 4 + "Short. " * 96

    assert check_page("page.md", three) == []
    assert found(check_page("page.md", four)) == [(1, ";")] * 4


def test_table_rows_count_as_sentences() -> None:
    assert sentences_in("| a | b |\n|---|---|\n| c | d |\n\nOne. Two.\n") == 4


def test_comments_docstrings_and_messages_are_checked_and_names_are_not() -> None:
    source = '"""What it says."""\n\nnobody = 1  # told\nraise ValueError(f"{nobody} for ever")\n'

    assert sorted(found(check_source("module.py", source))) == [
        (1, "says"),
        (3, "told"),
        (4, "for ever"),
    ]


def test_a_name_between_backticks_is_no_finding() -> None:
    assert check_source("module.py", '"""`told` is a value."""\n') == []


def test_words_of_prompts_are_data_in_their_file_only() -> None:
    source = 'WORDS = "who whom whose"\n'

    assert check_source("serve_app/classifier/heuristics.py", source) == []
    assert found(check_source("module.py", source)) == [(1, "whom")]


def test_semicolons_in_code_are_no_findings() -> None:
    assert check_source("module.py", '"""One; two; three."""\n') == []


def test_a_word_over_its_budget_is_shown_at_every_place() -> None:
    findings = check_source("module.py", "# told\n# told\n# said\n")

    assert over_allowance(findings, {"told": 2, "said": 1}) == []
    assert found(over_allowance(findings, {"told": 1, "said": 1})) == [(1, "told"), (2, "told")]


def test_an_budget_names_a_word_of_the_list() -> None:
    for word in STILL_IN_CODE:
        assert any(re.fullmatch(pattern, word) for pattern in WORDS), word
