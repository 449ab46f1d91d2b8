"""What a checkpoint's tokenizer does and which sampling it asks for, comparable with another's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from serve_app.package_files import package_file

TOKENIZER = "tokenizer.json"
SENTENCEPIECE = "tokenizer.model"
SETTINGS = "tokenizer_config.json"
TEMPLATE = "chat_template.jinja"
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")
# Ids that begin and end a text. An engine stops at these.
ENDINGS = ("bos_token_id", "eos_token_id")
SAMPLING = ("do_sample", "temperature", "top_p", "top_k", "min_p", "repetition_penalty")
SHOWN_CHARS = 40
SAMPLES = (
    "The quick brown fox doesn't jump over the lazy dogs' baskets.",
    "  two leading spaces,\ta tab,\n\n  a blank line and trailing spaces   ",
    "3.14159 1,000,000 0x1F -42 1e-9 2026-11-28T19:05:30Z 50% $9.99",
    "def f(x: int) -> str:\n    return f\"{x!r}\" if x else ''  # comment\n",
    '{"key": [1, 2.5, null, true], "nested": {"a\\b": "\\u00e9"}}',
    "https://example.org/path?q=a+b&lang=de#top user.name@example.co.uk",
    "SELECT * FROM t WHERE a <> 'b'; <div class=\"x\">&amp;</div>",
    "Größe, Übermaß, naïve café, garçon, El Niño, Škoda, Łódź, smørrebrød",
    "Ελληνικά κείμενα, Русский текст, українська мова",
    "نص عربي قصير مع أرقام ١٢٣, טקסט בעברית",
    "हिन्दी में एक वाक्य, ภาษาไทยไม่มีช่องว่าง",
    "中文句子没有空格。日本語の文章です。カタカナ、한국어 문장입니다.",
    "😀 👩‍👩‍👧‍👦 🇩🇪 ✓ → ∑ ∫ ≤ ≥ ± ÷ € £ ¥ “quotes” — dash … dots",
    "CamelCase snake_case kebab-case SCREAMING_CASE aaaaaaaaaaaaaaaaaaaaaaaa",
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    "<s> </s> <unk> <pad> [INST] [/INST] <|endoftext|> <|eot_id|>",
)


class TokenizerUnreadable(Exception):
    """A file of the tokenizer is no JSON of the kind it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerFacts:
    """What a tokenizer does, comparable with another's.

    `entries` is the size of the vocabulary with added tokens. `encodings` has the ids of each of
    `sample_texts()`, and `decodings` the texts that these ids give, with and without special
    tokens. `roundtrips` is a digest of every token's text, encoded again. Both are empty where a
    folder has a SentencePiece model alone. The other parts are text that is equal where the parts
    are: short ones in full, others as digest.
    """

    entries: int
    vocabulary: str
    encodings: tuple[tuple[int, ...], ...]
    decodings: tuple[tuple[str, str], ...]
    roundtrips: str
    special_tokens: str
    endings: str
    chat_template: str

    def differences(self, parent: TokenizerFacts) -> tuple[str, ...]:
        """One line for each thing that it does differently than the parent's."""
        lines = [
            f"{part.replace('_', ' ')} {getattr(self, part)}, the parent's {getattr(parent, part)}"
            for part in ("entries", "vocabulary", "special_tokens", "endings", "chat_template")
            if getattr(self, part) != getattr(parent, part)
        ]
        texts = sample_texts()
        if self.encodings != parent.encodings:
            lines += [
                f"{text[:SHOWN_CHARS]!r} is {len(own)} tokens, the parent's {len(theirs)}"
                f"{', other ones' if len(own) == len(theirs) else ''}"
                for text, own, theirs in zip(texts, self.encodings, parent.encodings, strict=False)
                if own != theirs
            ][:1] or ["encodings of sample texts"]
        elif self.decodings != parent.decodings:
            lines += [
                f"ids give {own[0][:SHOWN_CHARS]!r}, the parent's {theirs[0][:SHOWN_CHARS]!r}"
                for own, theirs in zip(self.decodings, parent.decodings, strict=False)
                if own != theirs
            ][:1]
        elif self.roundtrips != parent.roundtrips:
            lines.append(
                f"tokens encoded again {self.roundtrips}, the parent's {parent.roundtrips}"
            )
        return tuple(lines)


@cache
def sample_texts() -> tuple[str, ...]:
    """Texts whose encoding two tokenizers must agree on.

    Languages, code, spaces and symbols, and the questions that ship. All are composed Unicode
    (NFC): libraries differ in whether they write the rule that composes other text.
    """
    questions = package_file("profiles/golden/starter.jsonl").read_text(encoding="utf-8")
    prompts = [json.loads(line).get("prompt") for line in questions.splitlines()]
    return (*SAMPLES, *filter(None, prompts))


def tokenizer_facts(folder: Path) -> TokenizerFacts | None:
    """Of the tokenizer in `folder`; `None` where there is none. Raises `TokenizerUnreadable`."""
    sentencepiece, template = folder / SENTENCEPIECE, folder / TEMPLATE
    tokenizer = _read(folder / TOKENIZER)
    if not tokenizer and not sentencepiece.is_file():
        return None
    settings = _read(folder / SETTINGS)
    ids: dict[str, int] = {}
    encodings: tuple[tuple[int, ...], ...] = ()
    decodings: tuple[tuple[str, str], ...] = ()
    roundtrips, vocabulary = "none", "none"
    if tokenizer:
        try:
            library = Tokenizer.from_str(json.dumps(tokenizer))
        # The library raises a plain Exception for whatever it cannot read.
        except Exception as exc:
            raise TokenizerUnreadable(f"{TOKENIZER} cannot be used: {exc}") from exc
        ids = library.get_vocab(with_added_tokens=True)
        vocabulary = _digest(ids)
        encodings = tuple(tuple(each.ids) for each in library.encode_batch(list(sample_texts())))
        decodings = tuple(
            (library.decode(each, skip_special_tokens=False), library.decode(each))
            for each in encodings
        )
        alone = library.decode_batch([[id_] for id_ in sorted(ids.values())])
        again = library.encode_batch(alone, add_special_tokens=False)
        roundtrips = _digest([each.ids for each in again])
    else:
        vocabulary = _short_hash(sentencepiece.read_bytes())
    ends = _read(folder / "config.json") | _read(folder / "generation_config.json")
    return TokenizerFacts(
        entries=len(ids),
        vocabulary=vocabulary,
        encodings=encodings,
        decodings=decodings,
        roundtrips=roundtrips,
        special_tokens=_special_tokens(settings, ids),
        endings=_told({name: ends[name] for name in ENDINGS if ends.get(name) is not None}),
        chat_template=_digest(
            template.read_text(encoding="utf-8")
            if template.is_file()
            else settings.get("chat_template")
        ),
    )


def generation_settings(folder: Path) -> str:
    """The sampling that an engine uses where a caller sets none. Raises `TokenizerUnreadable`."""
    settings = _read(folder / "generation_config.json")
    return _told({name: settings[name] for name in SAMPLING if settings.get(name) is not None})


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
