"""What decides how a checkpoint's tokenizer reads text, part by part, comparable with another's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

TOKENIZER = "tokenizer.json"
SENTENCEPIECE = "tokenizer.model"
SETTINGS = "tokenizer_config.json"
TEMPLATE = "chat_template.jinja"
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")
ENDINGS = ("bos_token_id", "eos_token_id")


class TokenizerUnreadable(Exception):
    """A file of the tokenizer is no JSON of the kind it should be."""

    def __init__(self, file: Path, cause: str) -> None:
        super().__init__(file, cause)
        self.file = file
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.file.name} cannot be read: {self.cause}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerFacts:
    """Each part as text that is equal where the parts are: short ones in full, others as digest.

    `entries` is the size of the vocabulary with added tokens.
    """

    entries: int
    vocabulary: str
    merges: str
    added_tokens: str
    normalizer: str
    pre_tokenizer: str
    post_processor: str
    special_tokens: str
    endings: str
    chat_template: str

    def differences(self, parent: TokenizerFacts) -> tuple[str, ...]:
        """One line for each part that is not the parent's."""
        return tuple(
            f"{part.name.replace('_', ' ')} {getattr(self, part.name)}, "
            f"the parent's {getattr(parent, part.name)}"
            for part in fields(self)
            if getattr(self, part.name) != getattr(parent, part.name)
        )


def tokenizer_facts(folder: Path) -> TokenizerFacts | None:
    """Of the tokenizer in `folder`; `None` where there is none. Raises `TokenizerUnreadable`."""
    sentencepiece = folder / SENTENCEPIECE
    tokenizer = _read(folder / TOKENIZER)
    if not tokenizer and not sentencepiece.is_file():
        return None
    settings = _read(folder / SETTINGS)
    model = tokenizer.get("model") or {}
    vocabulary = _vocabulary(model)
    added = {token["content"]: token["id"] for token in tokenizer.get("added_tokens") or []}
    return TokenizerFacts(
        entries=len(vocabulary.keys() | added.keys()),
        vocabulary=_digest(vocabulary) if model else _file_digest(sentencepiece),
        merges=_digest([_pair(merge) for merge in model.get("merges") or []]),
        added_tokens=_digest(_added(tokenizer)),
        normalizer=_digest(tokenizer.get("normalizer")),
        pre_tokenizer=_digest(tokenizer.get("pre_tokenizer")),
        post_processor=_digest(tokenizer.get("post_processor")),
        special_tokens=_told(_special(settings, added)),
        endings=_told(_endings(folder)),
        chat_template=_template(folder, settings),
    )


def _read(file: Path) -> dict[str, Any]:
    """The object in `file`, empty where there is no such file."""
    if not file.is_file():
        return {}
    try:
        read = json.loads(file.read_bytes())
    except ValueError as exc:
        raise TokenizerUnreadable(file, str(exc)) from exc
    if not isinstance(read, dict):
        raise TokenizerUnreadable(file, "it holds no JSON object")
    return read


def _vocabulary(model: Mapping[str, Any]) -> dict[str, Any]:
    """Token to id, or token to (id, score) where the model lists them in order."""
    vocabulary = model.get("vocab") or {}
    if isinstance(vocabulary, dict):
        return vocabulary
    return {token: [index, score] for index, (token, score) in enumerate(vocabulary)}


def _pair(merge: str | list[str]) -> str:
    """Versions of the library write a merge as `a b` or as `[a, b]`."""
    return merge if isinstance(merge, str) else " ".join(merge)


def _added(tokenizer: Mapping[str, Any]) -> list[list[Any]]:
    return sorted(
        [token["id"], token["content"], token.get("special", False)]
        for token in tokenizer.get("added_tokens") or []
    )


def _special(settings: Mapping[str, Any], added: Mapping[str, int]) -> dict[str, Any]:
    """Role to token and id: a token that keeps its name under another id differs too."""
    roles: dict[str, Any] = {}
    for role in SPECIAL:
        token = settings.get(role)
        text = token.get("content") if isinstance(token, dict) else token
        if text is not None:
            roles[role] = f"{text}={added.get(text, '?')}"
    return roles


def _endings(folder: Path) -> dict[str, Any]:
    """Which ids begin and end a text: an engine stops at these."""
    generation = _read(folder / "generation_config.json")
    config = _read(folder / "config.json")
    both = {name: generation.get(name, config.get(name)) for name in ENDINGS}
    return {name: value for name, value in both.items() if value is not None}


def _template(folder: Path, settings: Mapping[str, Any]) -> str:
    file = folder / TEMPLATE
    template = file.read_text(encoding="utf-8") if file.is_file() else settings.get("chat_template")
    return "none" if not template else _digest(template)


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"


def _digest(value: Any) -> str:
    if not value:
        return "none"
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _file_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
