"""Tasks of a team for the lm-evaluation-harness, over data that a test writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from profiles.evaluation.lm_eval import Served
from tests.profiles.profiling.runs import WINDOW

Row = Mapping[str, object]
TAKE_FIRST = {"function": "take_first"}


def team_task(folder: Path, name: str, kind: str, items: list[Row], **fields: object) -> None:
    """A task file over local data; JSON is YAML too."""
    folder.mkdir(exist_ok=True)
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(item) + "\n" for item in items))
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": kind,
        "doc_to_text": "{{question}}",
        **fields,
    }
    (folder / f"{name}.yaml").write_text(json.dumps(task))


def continuations(folder: Path, items: list[Row]) -> None:
    """The task `team_words`: the answer is what greedy decoding says next."""
    team_task(
        folder,
        "team_words",
        "generate_until",
        items,
        doc_to_target="{{answer}}",
        generation_kwargs={"until": ["\n"], "max_gen_toks": 1},
        metric_list=[{"metric": "exact_match"}],
        filter_list=[
            {"name": "trimmed", "filter": [{"function": "remove_whitespace"}, TAKE_FIRST]}
        ],
    )


def choices(folder: Path, items: list[Row]) -> None:
    """The task `team_choices`: the answer is the likelier of two words."""
    team_task(
        folder,
        "team_choices",
        "multiple_choice",
        items,
        doc_to_choice="{{choices}}",
        doc_to_target="{{answer}}",
        metric_list=[{"metric": "acc"}],
    )


def served(tokenizer: Path, url: str = "http://127.0.0.1:9") -> Served:
    return Served(url=url, model="tiny-bf16", tokenizer=tokenizer, context_window=WINDOW)
