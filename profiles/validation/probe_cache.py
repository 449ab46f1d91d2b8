"""A parent's probes on disk, so that many candidates are validated against one run of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from profiles.validation.probe_set import Probes
from profiles.validation.probes import TOP_TOKENS
from serve_app.atomic_write import write_atomically

_PROBES = TypeAdapter(Probes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeKey:
    """All that determines an engine's answers to the probes."""

    checkpoint: str
    engine: str
    engine_kwargs: Mapping[str, JsonValue]
    probe_set: str

    @property
    def file_name(self) -> str:
        parts = [
            self.checkpoint,
            self.engine,
            json.dumps(dict(self.engine_kwargs), sort_keys=True),
            self.probe_set,
            str(TOP_TOKENS),
        ]
        return f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}.json"


@dataclass(frozen=True, slots=True)
class ProbeCache:
    """Keeps probes in `folder`; a file that cannot be read counts as none."""

    folder: Path

    def load(self, key: ProbeKey) -> Probes | None:
        with suppress(FileNotFoundError, ValidationError):
            return _PROBES.validate_json((self.folder / key.file_name).read_bytes(), strict=True)
        return None

    def save(self, key: ProbeKey, probes: Probes) -> None:
        """Keeps probes without trouble: an error of today need not be one of tomorrow."""
        if probes.troubles:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / key.file_name, _PROBES.dump_json(probes).decode())
