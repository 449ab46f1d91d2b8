"""What the checks say of a single profile."""

from __future__ import annotations

from profiles.publishing.checks import findings
from profiles.publishing.finding import Finding
from serve_app.core.profile import Profile


def refused(profile: Profile, *, floor: float | None = None) -> list[Finding]:
    return [found for found in findings([profile], floor=floor) if found.severity == "refused"]


def warned(profile: Profile, *, floor: float | None = None) -> list[Finding]:
    return [found for found in findings([profile], floor=floor) if found.severity == "warning"]
