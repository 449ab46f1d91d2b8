"""Checks settings. Every problem states the field, what came and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from serve_app.settings.models import AppArgs
from serve_app.settings.pairs import PairSettings, pair_problems
from serve_app.store_address import without_password

# Pydantic's mark of a mapping's key.
KEY = "[key]"
FieldPath = tuple[str | int, ...]
Problem = tuple[FieldPath, str]
APP_ARGS = TypeAdapter(AppArgs)
PAIR = TypeAdapter(PairSettings)
T = TypeVar("T")


class SettingsError(ValueError):
    """Settings that cannot be used; `problems` has (field path, sentence) for each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        lines = (f"  {dotted(path)}: {sentence}" for path, sentence in self.problems)
        return "the configuration cannot be used:\n" + "\n".join(lines)


def parse_args(args: Mapping[str, Any]) -> AppArgs:
    """Validates the `args` of a Serve configuration. Raises `SettingsError`."""
    parsed = _validated(APP_ARGS, args)
    if mistaken := (*_mistaken_names(parsed), *_wrongly_embedding(parsed)):
        raise SettingsError(mistaken)
    return parsed


def parse_pair(args: Mapping[str, Any]) -> PairSettings:
    """Validates the `args` of a pair's own application. Raises `SettingsError`.

    They are the pair's part of the fleet. Its `app` has no effect here.
    """
    pair = _validated(PAIR, args)
    problems = [((name,), sentence) for name, sentence in pair_problems(pair)]
    if pair.url is not None:
        problems.append((("url",), "a pair with a url is not deployed; leave its application out"))
    if problems:
        raise SettingsError(tuple(problems))
    return pair


def _validated(adapter: TypeAdapter[T], args: Mapping[str, Any]) -> T:
    try:
        return adapter.validate_python(args)
    except ValidationError as exc:
        problems = tuple((error["loc"], _sentence(error)) for error in exc.errors())
        raise SettingsError(problems) from exc


def dotted(path: FieldPath) -> str:
    """A field path as people write it: `pairs[1].hardware.count`."""
    parts = [part for part in path if part != KEY]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.lstrip(".") or "args"


def _mistaken_names(args: AppArgs) -> Iterator[Problem]:
    """What is wrong between fields: ids used twice, names of pairs that do not exist."""
    ids = [pair.id for pair in args.pairs]
    if not ids:
        yield ("pairs",), "is empty; a fleet needs at least one pair"
    for index in range(len(ids)):
        for name, sentence in _mistakes_of_pair(args.pairs, index):
            yield ("pairs", index, name), sentence
    if args.routing.reference_pair not in ids:
        yield ("routing", "reference_pair"), _no_pair(args.routing.reference_pair, ids)
    fallbacks = args.routing.static_fallback
    for index, named in enumerate(fallbacks):
        if named not in ids:
            place = () if len(fallbacks) == 1 else (index,)
            yield ("routing", "static_fallback", *place), _no_pair(named, ids)
    graded_by = args.feedback.shadow.reference_pair
    if graded_by is not None and graded_by not in ids:
        yield ("feedback", "shadow", "reference_pair"), _no_pair(graded_by, ids)


def _mistakes_of_pair(pairs: Sequence[PairSettings], index: int) -> Iterator[tuple[str, str]]:
    """(field, sentence) for each field of a pair that does not go with the other pairs."""
    pair, ids = pairs[index], [each.id for each in pairs]
    applications = [each.app for each in pairs]
    if pair.id in ids[:index]:
        yield "id", f"{pair.id!r} is already the id of pairs[{ids.index(pair.id)}]"
    if pair.id in {each.model for each in pairs}:
        yield "id", f"{pair.id!r} is a model's name; ids must differ from them"
    if pair.parent is not None and pair.parent not in ids:
        yield "parent", _no_pair(pair.parent, ids)
    if pair.app is not None and pair.app in applications[:index]:
        first = applications.index(pair.app)
        yield "app", f"{pair.app!r} is already the app of pairs[{first}]"
    yield from pair_problems(pair)


def _no_pair(name: str, ids: list[str]) -> str:
    return f"{name!r} is no pair; pairs: {', '.join(ids)}"


def _wrongly_embedding(args: AppArgs) -> Iterator[Problem]:
    """Where a pair is named that has to generate text, and does not."""
    embedding = {pair.id for pair in args.pairs if pair.serves == "embed"}
    fallbacks = args.routing.static_fallback
    places: list[tuple[FieldPath, str | None]] = [
        (("routing", "reference_pair"), args.routing.reference_pair),
        (("feedback", "shadow", "reference_pair"), args.feedback.shadow.reference_pair),
    ]
    for index, named in enumerate(fallbacks):
        item = () if len(fallbacks) == 1 else (index,)
        places.append((("routing", "static_fallback", *item), named))
    for place, pair in places:
        if pair in embedding:
            yield place, f"{pair!r} serves embeddings; name a pair that generates text"


def _sentence(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "unexpected_keyword_argument":
        return "unknown setting; remove it or fix the name"
    if error["type"] == "missing":
        return "is missing"
    given = error["input"]
    # A variable of an engine may be a secret, and an address may contain one.
    if {"env", "api_key"} & set(error["loc"]) or not isinstance(
        given, str | int | float | bool | None
    ):
        return message
    shown = without_password(given) if isinstance(given, str) else given
    return f"{message}; got {shown!r}"
