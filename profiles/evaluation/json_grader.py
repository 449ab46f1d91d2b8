"""Grades JSON by a JSON schema."""

from __future__ import annotations

import json
from typing import NoReturn

from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from pydantic import JsonValue
from referencing import Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from profiles.evaluation.fences import fenced

JSON_MARKS = ("json", "jsonc", "json5")


def json_schema(answer: str, reference: str) -> float:
    """The answer, or else its fenced block, is JSON that the reference, a JSON schema, allows."""
    validator = _validator(reference)
    try:
        try:
            value = _json(answer)
        except ValueError:
            value = _json(fenced(answer, JSON_MARKS) or "")
    except (ValueError, RecursionError):
        return 0.0
    try:
        return float(validator.is_valid(value))
    except Unresolvable as exc:
        raise ValueError(f"the schema refers to what is not in it: {exc}") from exc
    except RecursionError as exc:
        raise ValueError("schema and answer go too deep, or the schema holds itself") from exc


def check_schema(reference: str) -> None:
    """Raises `ValueError` unless the reference is a JSON schema that stands alone."""
    schema = _validator(reference).schema
    document = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = EMPTY_REGISTRY.with_resource("", document).resolver()
    for pointer in _pointers(schema):
        if not pointer.startswith("#"):
            raise ValueError(f"$ref {pointer!r} leads out of the schema: put in here what it names")
        try:
            resolver.lookup(pointer)
        except Unresolvable as exc:
            raise ValueError(f"$ref {pointer!r} is not in the schema") from exc


def _validator(reference: str) -> Validator:
    try:
        schema = json.loads(reference)
    except ValueError as exc:
        raise ValueError(f"no JSON: {exc}") from exc
    if not isinstance(schema, dict):
        raise ValueError(f"{reference!r} is no JSON schema: it has to be an object")
    kind = validator_for(schema, default=Draft202012Validator)
    rules = kind(kind.META_SCHEMA, format_checker=kind.FORMAT_CHECKER)
    if problem := best_match(rules.iter_errors(schema)):
        raise ValueError(f"no JSON schema: {problem.json_path}: {problem.message}")
    # With an empty registry it never fetches another schema from elsewhere.
    return kind(schema, registry=EMPTY_REGISTRY)


def _json(text: str) -> JsonValue:
    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    value: JsonValue = json.loads(text, parse_constant=refuse)
    return value


def _pointers(schema: object) -> list[str]:
    """Every `$ref` in the schema, however deep."""
    if isinstance(schema, list):
        return [pointer for each in schema for pointer in _pointers(each)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("$ref")
    below = [pointer for each in schema.values() for pointer in _pointers(each)]
    return [own, *below] if isinstance(own, str) else below
