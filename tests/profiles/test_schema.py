"""The schema file in the tree is the one the code gives."""

from __future__ import annotations

from profiles.schema import SCHEMA_FILE
from serve_app.store.codec import profile_json_schema


def test_the_profile_schema_is_current() -> None:
    written = SCHEMA_FILE.read_text(encoding="utf-8")

    assert written == profile_json_schema(), "run: python -m profiles.schema"
