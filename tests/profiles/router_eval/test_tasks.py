from __future__ import annotations

from pathlib import Path

import pytest

from profiles.router_eval import classifier_accuracy
from profiles.router_eval.classifier_accuracy import TasksPlan, Told
from profiles.training.outcomes import OutcomesUnusable
from tests.outcomes import outcome_file


def a_file(folder: Path, count: int, *, seed: int = 0, name: str = "a.csv") -> Path:
    """Named against their words: history is reasoning, mathematics question answering."""
    file = outcome_file(folder, count, seed=seed, name=name)
    text = file.read_text().replace("\nhistory,", "\nreasoning,")
    file.write_text(text.replace("\nmathematics,", "\nquestion_answering,"))
    return file


def run(*train: Path, test: tuple[Path, ...] = ()) -> dict[str, Told]:
    plan = TasksPlan(train=train, test=test, folds=2, seed=0)
    found = classifier_accuracy.run_tasks(plan, lambda line: None)
    assert all(one.task in classifier_accuracy.report_tasks(found) for one in found)
    return {one.task: one for one in found}


def test_a_model_that_saw_tasks_tells_them_where_heuristics_do_not(tmp_path: Path) -> None:
    found = run(a_file(tmp_path, 420))
    assert found.keys() == {"question_answering", "reasoning", "all"}
    assert found["all"].prompts == 420
    assert found["all"].heuristics < 0.5
    assert found["all"].success_model > 0.9


def test_unseen_prompts_may_come_from_a_file_of_their_own(tmp_path: Path) -> None:
    known, unseen = a_file(tmp_path, 300), a_file(tmp_path, 60, seed=3, name="b.csv")
    found = run(known, test=(unseen, known))
    assert found["all"].prompts == 60
    assert found["all"].success_model > 0.9


def test_prompts_that_name_no_task_are_refused_with_the_tasks_there_are(tmp_path: Path) -> None:
    with pytest.raises(OutcomesUnusable, match=r"no prompt names its task; tasks are classifica"):
        run(outcome_file(tmp_path, 420))
