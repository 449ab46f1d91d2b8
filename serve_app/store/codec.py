"""JSON <-> profiles and catalogs; the one place that knows how both are written down.

A catalog is `{"schema": 1, "version", "published_at", "published_by", "profiles": [...]}`, with
`policy` and `policy_version` where a policy is published. A profile file holds one profile. Also
what a publication is, whichever store takes it. Knows no store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, ClassVar, TypeVar

from annotated_types import Len
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from serve_app.core.catalog import Catalog, Version
from serve_app.core.errors import CatalogInvalid, CatalogReplaced
from serve_app.core.policy import PublishedPolicy, policy_problems
from serve_app.core.profile import Profile
from serve_app.core.profile_checks import profile_problems
from serve_app.core.request import Constraints
from serve_app.core.units import Name
from serve_app.validation_errors import problem_lines, shortened

SCHEMA = 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """What every schema has in common."""

    schema: int
    version: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heading:
    """What a catalog states about its publication."""

    version: Name
    published_at: AwareDatetime
    published_by: Name
    note: str = ""
    restores: Name | None = None
    policy_version: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Publication(_Heading):
    """A catalog as stored."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    schema: int
    profiles: Annotated[tuple[Profile, ...], Len(1)]
    policy: PublishedPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ListedProfile:
    pair: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed(_Heading):
    """What a list of publications needs of a catalog."""

    profiles: tuple[_ListedProfile, ...]


_OPENING = TypeAdapter(_Opening)
_PUBLICATION = TypeAdapter(_Publication)
_LISTED = TypeAdapter(_Listed)
_PROFILE = TypeAdapter(Profile)
_POLICY = TypeAdapter(PublishedPolicy)


def decode_profile(text: str | bytes, source: str) -> Profile:
    """Reads one profile. Raises `CatalogInvalid`."""
    profile = _validated(_PROFILE, text, source)
    _refuse(source, profile_problems(profile))
    return profile


def encode_profile(profile: Profile) -> str:
    """One profile as JSON; the same profile always gives the same text."""
    return json.dumps(_plain(profile), indent=2) + "\n"


def decode_catalog(text: str | bytes, source: str) -> Catalog:
    """Reads a published catalog. Raises `CatalogInvalid`."""
    opening = _validated(_OPENING, text, source)
    if opening.schema != SCHEMA:
        allowed = f"it should be {SCHEMA}, the one schema this version reads"
        raise CatalogInvalid(source, (f"schema: got {opening.schema!r}; {allowed}",))
    published = _validated(_PUBLICATION, text, source)
    places = {f"profiles[{index}]": profile for index, profile in enumerate(published.profiles)}
    catalog = _sound_catalog(published.version, places, source)
    policy, policy_version = published.policy, published.policy_version
    if (policy is None) != (policy_version is None):
        _refuse(source, ("policy: policy and policy_version stand together or not at all",))
    if policy is not None:
        _refuse(source, tuple(f"policy.{problem}" for problem in policy_problems(policy)))
    return replace(catalog, policy=policy, policy_version=policy_version)


def encode_catalog(catalog: Catalog, published: Version) -> str:
    """A catalog as JSON, under a new version. Raises `CatalogInvalid`.

    The text is read back before it is returned: nothing is published that readers refuse.
    """
    document = {**_heading(published), "profiles": [_plain(profile) for profile in catalog]}
    if catalog.policy is not None:
        document["policy"] = plain_policy(catalog.policy)
    text = json.dumps(document, indent=2) + "\n"
    decode_catalog(text, f"version {published.version}")
    return text


def plain_policy(policy: PublishedPolicy) -> dict[str, Any]:
    """What the policy states, as plain values; fields that it leaves out are not there."""
    plain: dict[str, Any] = _POLICY.dump_python(policy, mode="json", exclude_defaults=True)
    if policy.defaults is not None:
        # `null` asks nothing here, so all of them are stated.
        plain["defaults"] = TypeAdapter(Constraints).dump_python(policy.defaults, mode="json")
    return plain


def encode_version(published: Version) -> str:
    """A publication without its profiles' figures, for a list of many."""
    pairs = [{"pair": pair} for pair in published.pairs]
    return json.dumps({**_heading(published), "profiles": pairs})


def decode_version(text: str | bytes, source: str) -> Version:
    """Who published a catalog, when and of what; its figures are not read.

    Takes what `encode_catalog` or `encode_version` wrote. Raises `CatalogInvalid`.
    """
    listed = _validated(_LISTED, text, source)
    return Version(
        version=listed.version,
        published_at=listed.published_at.isoformat(),
        by=listed.published_by,
        pairs=tuple(profile.pair for profile in listed.profiles),
        note=listed.note,
        restores=listed.restores,
        policy_version=listed.policy_version,
    )


def catalog_of_files(profiles: Mapping[str, Profile], source: str) -> Catalog:
    """A catalog of profile files by path; its version is a hash of what they say."""
    plain = sorted(json.dumps(_plain(profile)) for profile in profiles.values())
    return _sound_catalog(f"files-{content_hash(''.join(plain))[:12]}", profiles, source)


def content_hash(text: str | bytes) -> str:
    return sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def published_version(text: str | bytes | None) -> str | None:
    """The version a stored catalog gives itself, `None` when it cannot be made out."""
    try:
        return None if text is None else _OPENING.validate_json(text, strict=True).version
    except ValidationError:
        return None


def next_version(taken: Iterable[str | None]) -> str:
    """One above the highest whole number among `taken`; other versions do not count."""
    numbers = (int(version) for version in taken if version and version.isdecimal())
    return str(max(numbers, default=0) + 1)


def profile_json_schema() -> str:
    """The JSON schema of a profile file."""
    return json.dumps(_PROFILE.json_schema(), indent=2, sort_keys=True) + "\n"


def _heading(published: Version) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "version": published.version,
        "published_at": published.published_at,
        "published_by": published.by,
        "note": published.note,
        "restores": published.restores,
        **({"policy_version": published.policy_version} if published.policy_version else {}),
    }


def _validated(adapter: TypeAdapter[T], text: str | bytes, source: str) -> T:
    try:
        return adapter.validate_json(text, strict=True)
    except ValidationError as exc:
        raise CatalogInvalid(source, shortened(problem_lines(exc))) from exc


def _sound_catalog(version: str, profiles: Mapping[str, Profile], source: str) -> Catalog:
    _refuse(
        source,
        tuple(
            f"{place} ({profile.pair}) {problem}"
            for place, profile in profiles.items()
            for problem in profile_problems(profile)
        ),
    )
    first_place: dict[str, str] = {}
    repeated = []
    for place, profile in profiles.items():
        if (first := first_place.setdefault(profile.pair, place)) != place:
            repeated.append(f"{place}: pair {profile.pair!r} is also in {first}; keep one of them")
    _refuse(source, tuple(repeated))
    return Catalog.of(version, profiles.values())


def _refuse(source: str, problems: tuple[str, ...]) -> None:
    if problems:
        raise CatalogInvalid(source, shortened(problems))


def _plain(profile: Profile) -> dict[str, Any]:
    plain: dict[str, Any] = _PROFILE.dump_python(profile, mode="json")
    # A set has no order of its own, and equal profiles must give equal text.
    plain["capabilities"] = sorted(plain["capabilities"])
    return plain


def publication(
    catalog: Catalog, version: str, *, by: str, note: str, restores: str | None
) -> Version:
    """Publishing `catalog` at this moment, as the history tells it.

    A policy that comes from no earlier publication comes from this one.
    """
    return Version(
        version=version,
        published_at=datetime.now(UTC).isoformat(timespec="seconds"),
        by=by,
        pairs=tuple(catalog.profiles),
        note=note,
        restores=restores,
        policy_version=None if catalog.policy is None else catalog.policy_version or version,
    )


def refuse_when_replaced(store: str, *, expected: str | None, active: str | None) -> None:
    """Raises `CatalogReplaced` where a version is expected to be active that is not."""
    if expected not in {None, active}:
        raise CatalogReplaced(store, str(expected), active)
