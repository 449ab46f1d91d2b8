"""How far the estimate of tokens is off, per language and kind of code, and what it saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from statistics import fmean, median
from time import perf_counter_ns
from typing import Any

from profiles.bench.prompts import GOLDEN, read_prompts
from serve_app.package_files import package_file
from serve_app.tokens.counter import HfTokenCounter

SAMPLES = package_file("profiles/bench/token_samples")
BETWEEN_SAMPLES = "\n%%\n"
MOST_PROMPTS_PER_TASK = 200
# A kind that is worse than this calls for another fit.
TARGET = 0.15
TIMED_TOKENS = 1_000
TIMED_ROUNDS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KindError:
    """Errors of one kind of text as shares of its exact tokens; `bias` is the signed mean."""

    kind: str
    texts: int
    tokens: int
    median: float
    p95: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerErrors:
    """One tokenizer against the estimate times its `ratio` to the reference tokenizer."""

    tokenizer: str
    ratio: float
    kinds: tuple[KindError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensBench:
    """The first tokenizer is the reference. The times are of one English text, in this thread."""

    tokenizers: tuple[TokenizerErrors, ...]
    timed_tokens: int
    estimate_p50_us: float
    exact_p50_us: float


def run(tokenizers: Mapping[str, Path], data: Path | None = None) -> TokensBench:
    """Compares with every tokenizer; the first is the reference.

    Raises `PromptsUnusable`, `OSError`, and `ValueError` for a file that is no tokenizer.
    """
    counters = {name: HfTokenCounter(file) for name, file in tokenizers.items()}
    by_kind = {
        file.stem: file.read_text(encoding="utf-8").rstrip("\n").split(BETWEEN_SAMPLES)
        for file in sorted(SAMPLES.glob("*.txt"))
    }
    for task, text in read_prompts(data) if data is not None else ():
        texts = by_kind.setdefault(f"data: {task}", [])
        if text and len(texts) < MOST_PROMPTS_PER_TASK:
            texts.append(text)
    reference = next(iter(counters.values()))
    golden = [text for _, text in read_prompts(GOLDEN)]
    counted = {name: sum(map(counter.count, golden)) for name, counter in counters.items()}
    in_reference = next(iter(counted.values()))
    # The English texts, again and again, cut to about so many tokens.
    text = "\n\n".join(by_kind["english"])
    text *= ceil(TIMED_TOKENS / reference.count(text))
    timed = text[: round(len(text) * TIMED_TOKENS / reference.count(text))]
    return TokensBench(
        tokenizers=tuple(
            TokenizerErrors(
                tokenizer=name,
                ratio=counted[name] / in_reference,
                kinds=tuple(
                    _kind_error(kind, texts, counter, counted[name] / in_reference)
                    for kind, texts in by_kind.items()
                    if texts
                ),
            )
            for name, counter in counters.items()
        ),
        timed_tokens=reference.count(timed),
        estimate_p50_us=_p50_us(reference.estimate, timed),
        exact_p50_us=_p50_us(reference.count, timed),
    )


def as_document(result: TokensBench) -> dict[str, Any]:
    return {"target": TARGET, **asdict(result)}


def report(result: TokensBench) -> str:
    lines = [
        f"{result.timed_tokens} tokens: estimate p50 {result.estimate_p50_us:.0f} us, "
        f"exact p50 {result.exact_p50_us:.0f} us"
    ]
    for errors in result.tokenizers:
        lines += ["", f"{errors.tokenizer}: estimate x {errors.ratio:.3f} against its exact count"]
        lines.append(f"{'':32}{'texts':>6}{'tokens':>9}{'median':>8}{'p95':>8}{'bias':>8}")
        lines += [
            f"{kind.kind:32}{kind.texts:>6}{kind.tokens:>9,}{kind.median:>8.1%}{kind.p95:>8.1%}"
            f"{kind.bias:>+8.1%}{'  over target' if kind.median > TARGET else ''}"
            for kind in errors.kinds
        ]
    return "\n".join(lines)


def _kind_error(
    kind: str, texts: Sequence[str], counter: HfTokenCounter, ratio: float
) -> KindError:
    """The estimate times `ratio` against the counter's exact number."""
    counts = [(counter.count(text), counter.estimate(text)) for text in texts]
    off = [ratio * estimate / exact - 1 for exact, estimate in counts if exact]
    sizes = sorted(map(abs, off))
    return KindError(
        kind=kind,
        texts=len(off),
        tokens=sum(exact for exact, _ in counts),
        median=median(sizes),
        p95=sizes[ceil(0.95 * len(sizes)) - 1],
        bias=fmean(off),
    )


def _p50_us(counted: Callable[[str], int], text: str) -> float:
    times_ns = []
    for _ in range(TIMED_ROUNDS):
        started = perf_counter_ns()
        counted(text)
        times_ns.append(perf_counter_ns() - started)
    return median(times_ns) / 1e3
