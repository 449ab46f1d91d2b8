"""What the router would have predicted, against what a replay measures where nothing was profiled.

Each pair's engine is started alone, as it was for its profile, and put under loads whose
concurrency and prompt length its profile does not have. Predictions come from the functions that
the router calls, with every answer's real length. Results are printed as text and as JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from profiles.checkpoint_files import checkpoint_folder
from profiles.errors import MeasurementUnusable
from profiles.processes.process_group import end_on_every_signal
from profiles.profiling.engine import EngineSpec, running_engine
from profiles.profiling.loadgen import Load as Requests
from profiles.profiling.loadgen import left_out, load_generator
from profiles.profiling.point import Round
from profiles.profiling.profile_file import profile_path, read_profile
from profiles.profiling.sweep import Loads
from serve_app.core.cost import TokenPrice
from serve_app.core.fleet import Load
from serve_app.core.predict import predict
from serve_app.core.profile import Profile
from serve_app.core.request import Constraints, Features, PromptClassification
from serve_app.core.surface import read_surface

TARGET = 0.20
# A replay judges what was measured here: no margin for figures of others.
NO_MARGIN = 1.0
MEDIAN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """Where a replay goes, and how many requests give a sample at each place."""

    concurrency: tuple[int, ...]
    prompt_tokens: tuple[int, ...]
    output_tokens: int
    samples: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceReplay:
    """One place: medians measured and predicted, and errors as shares of what was measured.

    `e2e_error` is the median over requests of the absolute error, `e2e_bias` that of the signed
    one: below zero where answers took longer than predicted.
    """

    concurrency: int
    prompt_tokens: int
    output_tokens_p50: float
    samples: int
    ttft_p50_ms: float
    ttft_predicted_ms: float
    tpot_p50_ms: float
    tpot_predicted_ms: float
    e2e_p50_ms: float
    e2e_error: float
    e2e_bias: float
    ttft_error: float
    tpot_error: float
    errors: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairReplay:
    """All places of a pair."""

    pair: str
    places: tuple[PlaceReplay, ...]

    @property
    def error(self) -> float:
        """Median absolute error over all requests of the pair."""
        return median(error for place in self.places for error in place.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayBench:
    """All pairs; `error` is over the requests of all of them."""

    pairs: tuple[PairReplay, ...]

    @property
    def error(self) -> float:
        return median(
            error for pair in self.pairs for place in pair.places for error in place.errors
        )

    @property
    def met(self) -> bool:
        return self.error <= TARGET


def profile_to_judge(spec: EngineSpec, folder: Path, plan: ReplayPlan) -> Profile:
    """The pair's profile. Raises `MeasurementUnusable` where there is nothing to predict from."""
    path = profile_path(folder, spec.pair)
    profile = read_profile(path)
    if profile is None:
        raise MeasurementUnusable(
            f"{path} does not exist: run `quantroute profile {spec.pair.id}` first"
        )
    known = profile.latency
    repeated = {
        "concurrency": sorted({*plan.concurrency} & {*known.concurrency}),
        "prompt length": sorted({*plan.prompt_tokens} & {*known.prompt_tokens}),
    }
    for axis, values in repeated.items():
        if values:
            raise MeasurementUnusable(
                f"{axis} {values[0]} is one that the profile of {spec.pair.id!r} was measured at: "
                f"replay at others, so that the prediction is put to the test"
            )
    if max(plan.concurrency) > spec.pair.max_concurrency:
        raise MeasurementUnusable(
            f"concurrency {max(plan.concurrency)} is more than the {spec.pair.max_concurrency} "
            f"requests that pair {spec.pair.id!r} runs at once: replay below it"
        )
    return profile


async def replay_pair(spec: EngineSpec, profile: Profile, plan: ReplayPlan) -> PairReplay:
    """Starts the pair's engine and puts every load of the plan on it. Raises `ProfilingError`."""
    end_on_every_signal()
    with TemporaryDirectory() as folder:
        async with (
            running_engine(spec, Path(folder) / "engine.log") as engine,
            load_generator(
                url=engine.url,
                model=engine.model,
                tokenizer=checkpoint_folder(spec.checkpoint),
                env=spec.env,
                log_path=Path(folder) / "loadgen.log",
            ) as generator,
        ):
            places = await replay(generator, profile, plan, Path(folder) / "round.json")
    return PairReplay(pair=spec.pair.id, places=places)


async def replay(
    generator: Loads, profile: Profile, plan: ReplayPlan, result: Path
) -> tuple[PlaceReplay, ...]:
    """Every place of the plan, after a first one that warms up and is thrown away."""
    busiest = max(plan.concurrency)
    warm_up = Requests(
        concurrency=busiest,
        prompt_tokens=max(plan.prompt_tokens),
        output_tokens=plan.output_tokens,
        requests=busiest,
        seed=plan.seed,
    )
    await generator.run(warm_up, result)
    places: list[PlaceReplay] = []
    for concurrency, prompt_tokens in product(plan.concurrency, plan.prompt_tokens):
        load = replace(
            warm_up,
            concurrency=concurrency,
            prompt_tokens=prompt_tokens,
            requests=left_out(concurrency) + plan.samples,
            seed=plan.seed + 1 + len(places),
        )
        places.append(judged(profile, load, await generator.run(load, result)))
    return tuple(places)


def judged(profile: Profile, load: Requests, shown: Round) -> PlaceReplay:
    """What a load showed against what the profile predicts for each of its requests."""
    errors = tuple(
        predicted_ms(profile, load, output_tokens) / took_ms - 1
        for output_tokens, took_ms in zip(shown.output_tokens, shown.e2e_ms, strict=True)
    )
    surface = read_surface(
        profile.latency, concurrency=load.concurrency, prompt_tokens=load.prompt_tokens, z=0.0
    )
    ttft_p50_ms, tpot_p50_ms = median(shown.ttft_ms), median(shown.tpot_ms)
    return PlaceReplay(
        concurrency=load.concurrency,
        prompt_tokens=load.prompt_tokens,
        output_tokens_p50=median(shown.output_tokens),
        samples=len(errors),
        ttft_p50_ms=ttft_p50_ms,
        ttft_predicted_ms=surface.ttft_p50_ms,
        tpot_p50_ms=tpot_p50_ms,
        tpot_predicted_ms=surface.tpot_p50_ms,
        e2e_p50_ms=median(shown.e2e_ms),
        e2e_error=median(map(abs, errors)),
        e2e_bias=median(errors),
        ttft_error=surface.ttft_p50_ms / ttft_p50_ms - 1,
        tpot_error=surface.tpot_p50_ms / tpot_p50_ms - 1,
        errors=tuple(map(abs, errors)),
    )


def predicted_ms(profile: Profile, load: Requests, output_tokens: int) -> float:
    """The whole answer as the router predicts it, at the median and with its real length.

    Lengths are in the pair's own tokens. The router counts in those of the reference tokenizer.
    """
    answer, prompt = (
        max(1, int(tokens / profile.tokens_ratio)) for tokens in (output_tokens, load.prompt_tokens)
    )
    classification = PromptClassification(
        task="conversation",
        task_confidence=1.0,
        difficulty=0.5,
        output_tokens_p50=answer,
        output_tokens_p95=answer,
        numeric_share=0.0,
        origin="replay",
    )
    return predict(
        profile,
        TokenPrice.of(profile),
        Features(
            prompt_tokens=prompt,
            max_tokens=None,
            needs=frozenset(),
            classification=classification,
        ),
        Load(ready_replicas=1, in_flight=load.concurrency - 1),
        Constraints(deadline_quantile=MEDIAN),
        published_margin=NO_MARGIN,
    ).total_ms


def as_document(result: ReplayBench) -> dict[str, Any]:
    """The figures without every single request's."""
    return {
        "error": result.error,
        "target": TARGET,
        "met": result.met,
        "pairs": [
            {
                "pair": pair.pair,
                "error": pair.error,
                "places": [
                    {name: value for name, value in asdict(place).items() if name != "errors"}
                    for place in pair.places
                ],
            }
            for pair in result.pairs
        ],
    }


def report(result: ReplayBench) -> str:
    lines = []
    for pair in result.pairs:
        lines.append(f"{pair.pair}: whole answers {pair.error:.1%} off (median)")
        lines += [
            f"  {place.concurrency} at once, {place.prompt_tokens} tokens: "
            f"answers {place.e2e_error:.1%} off (bias {place.e2e_bias:+.1%}), "
            f"TTFT {place.ttft_predicted_ms:.0f} for {place.ttft_p50_ms:.0f} ms "
            f"({place.ttft_error:+.1%}), "
            f"TPOT {place.tpot_predicted_ms:.1f} for {place.tpot_p50_ms:.1f} ms "
            f"({place.tpot_error:+.1%}), {place.samples} samples"
            for place in pair.places
        ]
    verdict = "met" if result.met else "MISSED"
    lines.append(
        f"all pairs: {result.error:.1%} off (median); the target of {TARGET:.0%} is {verdict}"
    )
    return "\n".join(lines)
