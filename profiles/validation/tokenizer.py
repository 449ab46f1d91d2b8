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
# Ids that begin and end a text. An engine stops at these.
ENDINGS = ("bos_token_id", "eos_token_id")


class TokenizerUnreadable(Exception):
    """A file of the tokenizer is no JSON of the kind it should be."""


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
    sentencepiece, template = folder / SENTENCEPIECE, folder / TEMPLATE
    tokenizer = _read(folder / TOKENIZER)
    if not tokenizer and not sentencepiece.is_file():
        return None
    settings = _read(folder / SETTINGS)
    model = tokenizer.get("model") or {}
    vocabulary = model.get("vocab") or {}
    if not isinstance(vocabulary, dict):
        # A list in the order of ids, each token with its score.
        vocabulary = {token: [index, score] for index, (token, score) in enumerate(vocabulary)}
    # Versions of the library write a merge as `a b` or as `[a, b]`.
    merges = (
        merge if isinstance(merge, str) else " ".join(merge) for merge in model.get("merges") or ()
    )
    added = tokenizer.get("added_tokens") or []
    ids = {token["content"]: token["id"] for token in added}
    ends = _read(folder / "config.json") | _read(folder / "generation_config.json")
    return TokenizerFacts(
        entries=len(vocabulary.keys() | ids.keys()),
        vocabulary=_digest(vocabulary) if model else _short_hash(sentencepiece.read_bytes()),
        merges=_digest(list(merges)),
        added_tokens=_digest(
            sorted([token["id"], token["content"], token.get("special", False)] for token in added)
        ),
        normalizer=_digest(tokenizer.get("normalizer")),
        pre_tokenizer=_digest(tokenizer.get("pre_tokenizer")),
        post_processor=_digest(tokenizer.get("post_processor")),
        special_tokens=_special_tokens(settings, ids),
        endings=_told({name: ends[name] for name in ENDINGS if ends.get(name) is not None}),
        chat_template=_digest(
            template.read_text(encoding="utf-8")
            if template.is_file()
            else settings.get("chat_template")
        ),
    )


def _special_tokens(settings: Mapping[str, Any], ids: Mapping[str, int]) -> str:
    """Role with token and id: a token that keeps its name under another id differs too."""
    roles: dict[str, Any] = {}
    for role in SPECIAL:
        token = settings.get(role)
        text = token.get("content") if isinstance(token, dict) else token
        if text is not None:
            roles[role] = f"{text}={ids.get(text, '?')}"
    return _told(roles)


def _read(file: Path) -> dict[str, Any]:
    """The object in `file`, empty where there is no such file."""
    if not file.is_file():
        return {}
    try:
        read = json.loads(file.read_bytes())
    except ValueError as exc:
        raise TokenizerUnreadable(f"{file.name} cannot be read: {exc}") from exc
    if not isinstance(read, dict):
        raise TokenizerUnreadable(f"{file.name} cannot be read: it holds no JSON object")
    return read


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"


def _digest(value: Any) -> str:
    """Of anything that JSON holds; "none" where it is empty."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return _short_hash(text.encode()) if value else "none"


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
