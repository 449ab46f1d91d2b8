"""The files that the hosting site reads: workflow, templates, security policy."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.paths import REPOSITORY

GITHUB = REPOSITORY / ".github"
FORMS = ("bug", "feature")


def parsed(name: str) -> dict[Any, Any]:
    """A YAML file below .github."""
    content = yaml.safe_load((GITHUB / name).read_text())
    assert isinstance(content, dict)
    return content


def test_the_workflow_calls_ci_run_on_each_supported_python() -> None:
    job = parsed("workflows/ci.yml")["jobs"]["run"]
    supported = [
        line.split("::")[-1].strip(' ",')
        for line in (REPOSITORY / "pyproject.toml").read_text().splitlines()
        if "Python :: 3." in line
    ]

    assert job["strategy"]["matrix"]["python"] == supported
    assert job["env"]["PYTHON"] == "python${{ matrix.python }}"
    assert job["steps"][-1] == {"run": ".ci/run"}
    (pythons,) = [s["with"]["python-version"] for s in job["steps"] if "with" in s]
    assert pythons.split() == supported


@pytest.mark.parametrize("form", FORMS)
def test_an_issue_form_asks_at_least_one_required_question(form: str) -> None:
    content = parsed(f"ISSUE_TEMPLATE/{form}.yml")
    questions = [field for field in content["body"] if field["type"] != "markdown"]

    assert content["name"]
    assert content["description"]
    assert any(field.get("validations", {}).get("required") for field in questions)
    assert len({field["id"] for field in questions}) == len(questions)


def test_a_bug_report_asks_for_the_decision_and_the_catalog() -> None:
    asked = {field.get("id") for field in parsed("ISSUE_TEMPLATE/bug.yml")["body"]}

    assert {"decision", "catalog"} <= asked


def test_the_security_policy_names_a_private_way_to_report() -> None:
    policy = (REPOSITORY / "SECURITY.md").read_text()

    assert "Report a vulnerability" in policy
    assert "@" not in policy
