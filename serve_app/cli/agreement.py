"""`quantroute bench agreement`: what a verdict of shadow grading tells."""

from __future__ import annotations

from dataclasses import asdict

from serve_app.cli.fleet_model import FolderArgument
from serve_app.cli.options import JsonOption, fail, show


def agreement(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Count how often answers of two pairs are found to say the same, by how many are right."""
    from profiles.evaluation.outcome_file import OutcomesInvalid
    from profiles.learning.outcome_table import OutcomesUnusable
    from serve_app.bench import agreement as measuring

    try:
        found = measuring.run(folder)
    except (OutcomesInvalid, OutcomesUnusable, OSError) as exc:
        fail(str(exc))
    rates = {way: asdict(counts.rates) for way, counts in found.items()}
    show(rates, measuring.report(found), as_json=as_json)
