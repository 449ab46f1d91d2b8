"""Writes a verdict into the profile of the pair it is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from profiles.measuring.record import profile_path, read_profile, write_profile
from profiles.validation.verdict import Verdict, golden_result
from serve_app.core.fleet import Pair


def record_verdict(profiles: Path, pair: Pair, verdict: Verdict, *, date: str) -> Path | None:
    """The pair's profile, which now carries the verdict; `None` where there is none."""
    path = profile_path(profiles, pair)
    profile = read_profile(path)
    if profile is None:
        return None
    write_profile(path, replace(profile, golden=golden_result(verdict, date=date)))
    return path
