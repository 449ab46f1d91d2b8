"""Writes the JSON schema of a profile file next to this module: `python -m profiles.schema`."""

from __future__ import annotations

from serve_app.package_files import package_file
from serve_app.store.codec import profile_json_schema

SCHEMA_FILE = package_file("profiles/schema.json")

if __name__ == "__main__":
    SCHEMA_FILE.write_text(profile_json_schema(), encoding="utf-8")
