"""A policy to publish: reads its file, checks it against a fleet, and tells what it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from profiles.publishing.finding import Finding, Severity
from serve_app.core.catalog import Catalog, policy_leaves_none
from serve_app.core.errors import PolicyInvalid, quoted
from serve_app.core.policy import Policy, PublishedPolicy
from serve_app.settings.policy import decode_policy
from serve_app.store.codec import plain_policy

SUBJECT = "policy"
ENABLED = ".enabled"
ANYWAY = "--allow-mismatch publishes it all the same"
# What of the fleet file's policy a published one may replace.
REPLACEABLE = (
    "weights",
    "defaults",
    "static_fallback",
    "numeric_guard_share",
    "published_margin",
    "default_max_tokens",
)
Values = Mapping[str, Any]


def read_policy(path: Path) -> PublishedPolicy:
    """The policy in a YAML or JSON file. An empty file states nothing.

    Raises `PolicyInvalid` with the path of each wrong field, or `OSError`.
    """
    text = path.read_text(encoding="utf-8")
    try:
        twice = tuple(_repeated(yaml.compose(text, Loader=yaml.SafeLoader)))
        document = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise PolicyInvalid(str(path), (f"it is not YAML: {exc}",)) from exc
    if twice:
        raise PolicyInvalid(str(path), twice)
    return decode_policy({} if document is None else document, str(path))


def policy_findings(
    catalog: Catalog, fleet: Sequence[str] | None, start: Policy | None, *, severity: Severity
) -> Iterator[Finding]:
    """What is wrong with the policy of `catalog` for the pairs of `fleet`.

    `start` is the fleet file's policy. Names that are no pairs get `severity`. What leaves no pair
    to serve is always refused, because every router refuses it too. Without a fleet the profiles
    of the catalog stand for it, and unknown names are warnings.
    """
    policy = catalog.policy
    if policy is None:
        return
    if fleet is None:
        fleet, severity = tuple(catalog.profiles), "warning"
    fallbacks = policy.static_fallback or (() if start is None else start.static_fallback)
    for field, names in (
        ("pairs", tuple(policy.pairs)),
        ("static_fallback", policy.static_fallback or ()),
    ):
        if unknown := [name for name in names if name not in fleet]:
            yield Finding(
                pair=SUBJECT,
                field=field,
                severity=severity,
                got=quoted(unknown),
                allowed=f"the fleet has {quoted(fleet)}",
                advice=f"correct the name, or name the pair's fleet file with --fleet; {ANYWAY}",
            )
    impossible = policy_leaves_none(catalog, fleet, fallbacks)
    off = [name for name in fallbacks if name in policy.switched_off]
    if off and not impossible:
        left = [name for name in fleet if name not in policy.switched_off]
        yield Finding(
            pair=SUBJECT,
            field="static_fallback",
            severity=severity,
            got=f"{quoted(off)}, which pairs switches off",
            allowed=f"a static fallback is on, as {quoted(left)}",
            advice="name other pairs in static_fallback of the policy, or leave it on",
        )
    for problem in impossible:
        field, _, sentence = problem.removeprefix(f"{SUBJECT}.").partition(": ")
        got, _, advice = sentence.rpartition("; ")
        yield Finding(
            pair=SUBJECT, field=field, got=got, allowed="no router would take it", advice=advice
        )


def policy_changes(before: Catalog | None, after: Catalog, start: Policy | None) -> Iterator[str]:
    """One line for each value that another one replaces.

    `start` gives the values that hold where none is published.
    """
    old, new = _values(before), _values(after)
    unpublished = {} if start is None else _flat(_start(start))
    for field in sorted(old.keys() | new.keys()):
        holds = unpublished.get(field, True if field.endswith(ENABLED) else None)
        if old.get(field, holds) != new.get(field, holds):
            was, now = (
                _shown(field, held[field]) if field in held else _unpublished(field, unpublished)
                for held in (old, new)
            )
            yield f"{SUBJECT}: {field}: {was} -> {now}"


def _values(catalog: Catalog | None) -> Values:
    if catalog is None or catalog.policy is None:
        return {}
    return _flat(plain_policy(catalog.policy))


def _start(policy: Policy) -> Values:
    plain = asdict(policy)
    return {name: plain[name] for name in REPLACEABLE}


def _flat(values: Values, path: str = "") -> Values:
    """Each value by its path. A list is one value."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        place = f"{path}.{name}" if path else str(name)
        flat |= _flat(value, place) if isinstance(value, Mapping) else {place: value}
    return flat


def _unpublished(field: str, start: Values) -> str:
    if field in start:
        return f"{_shown(field, start[field])} (fleet file)"
    return "on" if field.endswith(ENABLED) else "not published"


def _shown(field: str, value: object) -> str:
    if field.endswith(ENABLED):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return "none" if value is None else str(value)


def _repeated(node: yaml.Node | None, path: str = "") -> Iterator[str]:
    """A line for each key that a mapping has twice. YAML keeps the last one without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = f"{path}.{key.value}" if path else str(key.value)
            if key.value in seen:
                line = key.start_mark.line + 1
                yield f"{place}: is there twice, again in line {line}; keep one of them"
            seen.add(key.value)
            yield from _repeated(value, place)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _repeated(each, path)
