"""Where the tests find the repository, and the fleet that most of them run."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# One small model in three precisions. It answers at a test's pace on every CPU.
SMOLLM2 = REPOSITORY / "tests" / "smollm2_fleet"
SMOLLM2_FLEET = SMOLLM2 / "serve_config.yaml"
SMOLLM2_PROFILES = SMOLLM2 / "profiles" / "data"
