"""What one catalog changes of another, in words and numbers for whoever publishes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from serve_app.core.catalog import Catalog
from serve_app.core.cost import TokenPrice
from serve_app.core.profile import Profile, TaskAccuracy

# Told with their numbers; any other field that differs is named.
TOLD_IN_NUMBERS = frozenset({"accuracy"})


def catalog_changes(before: Catalog | None, after: Catalog) -> tuple[str, ...]:
    """One line for each change, by pair; empty when the profiles are the same."""
    old = {} if before is None else before.profiles
    return tuple(
        line
        for pair in sorted(old.keys() | after.profiles.keys())
        for line in _pair_changes(pair, old.get(pair), after.profiles.get(pair))
    )


def _pair_changes(pair: str, before: Profile | None, after: Profile | None) -> Iterator[str]:
    if after is None:
        yield f"{pair}: removed"
    elif before is None:
        yield f"{pair}: added, {_summary(after)}"
    elif before != after:
        for change in (
            *_price_changes(TokenPrice.of(before), TokenPrice.of(after)),
            *_accuracy_changes(before, after),
            *_ttft_changes(before, after),
            *_other_changes(before, after),
        ):
            yield f"{pair}: {change}"


def _summary(profile: Profile) -> str:
    price = TokenPrice.of(profile)
    overall = profile.accuracy["overall"]
    return (
        f"{price.usd_per_mtok_out:.4g} USD per million completion tokens, "
        f"accuracy {overall.mean:.3f} on {overall.items} items, "
        f"TTFT p95 {_ttft_ms(profile):.4g} ms {_alone(profile)}"
    )


def _price_changes(before: TokenPrice, after: TokenPrice) -> Iterator[str]:
    for kind, old, new in (
        ("prompt", before.usd_per_mtok_in, after.usd_per_mtok_in),
        ("completion", before.usd_per_mtok_out, after.usd_per_mtok_out),
    ):
        if old != new:
            unit = f"USD per million {kind} tokens"
            yield f"price {old:.4g} -> {new:.4g} {unit}{_relative(old, new)}"


def _accuracy_changes(before: Profile, after: Profile) -> Iterator[str]:
    for task in sorted(before.accuracy.keys() | after.accuracy.keys()):
        old, new = before.accuracy.get(task), after.accuracy.get(task)
        if old != new:
            yield f"accuracy {task} {_accuracy(old)} -> {_accuracy(new)}"


def _accuracy(accuracy: TaskAccuracy | None) -> str:
    if accuracy is None:
        return "not measured"
    return f"{accuracy.mean:.3f} (at least {accuracy.lower:.3f}, {accuracy.items} items)"


def _ttft_changes(before: Profile, after: Profile) -> Iterator[str]:
    old, new = _ttft_ms(before), _ttft_ms(after)
    if old != new:
        yield f"TTFT p95 {old:.4g} -> {new:.4g} ms{_relative(old, new)} {_alone(after)}"


def _ttft_ms(profile: Profile) -> float:
    return profile.latency.ttft_ms.p95[0][0]


def _alone(profile: Profile) -> str:
    surface = profile.latency
    return f"at concurrency {surface.concurrency[0]}, {surface.prompt_tokens[0]} prompt tokens"


def _other_changes(before: Profile, after: Profile) -> Iterator[str]:
    changed = [
        field.name
        for field in fields(Profile)
        if field.name not in TOLD_IN_NUMBERS
        and getattr(before, field.name) != getattr(after, field.name)
    ]
    if changed:
        yield f"differs in {', '.join(changed)}"


def _relative(old: float, new: float) -> str:
    return f" ({(new - old) / old:+.1%})" if old > 0 else ""
