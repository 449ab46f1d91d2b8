"""What one pair would do with one request under the present load."""

from __future__ import annotations

from math import ceil, hypot

from serve_app.core.cost import TokenPrice, Usage
from serve_app.core.decision import Prediction
from serve_app.core.fleet import Load, Pair
from serve_app.core.profile import Correction, Profile, TaskAccuracy
from serve_app.core.request import Constraints, Features, Success
from serve_app.core.surface import Z95, read_surface, z_score

# Token counts of prompts are estimates. Above this share of the window one may be too low.
SURE_SHARE = 0.95


def predict(
    profile: Profile,
    price: TokenPrice,
    features: Features,
    load: Load,
    constraints: Constraints,
    *,
    published_margin: float,
    correction: Correction | None = None,
    added_tokens: float = 0.0,
    pair: Pair | None = None,
) -> Prediction:
    """Latency, cost and accuracy of `profile`'s pair for this request.

    The answer takes TTFT + (length - 1) x TPOT. With the three taken as independent and
    normal, its quantile is the sum of the medians plus the root of the summed squares of each
    part's own distance from its median:

        total(q) = TTFT50 + n TPOT50 + sqrt(dTTFT^2 + (n dTPOT)^2 + (dn TPOT50)^2)

    where n = length50 - 1 and d is the distance from median to quantile q. Waiting is added
    to all latencies. Cost and `output_tokens` are of the median length. No one timed a published
    profile on this hardware: all its latencies are multiplied by `published_margin`. Feedback's
    `correction` moves the accuracy from any source; `added_tokens` is what the pair's template
    adds to the prompt. `pair` is what is deployed, whose limit holds for an answer without one.
    Several sequences run next to each other. All of them, and all prompts, are paid.
    """
    usage, default, longest = _expected(profile, features, added_tokens, pair)
    z = z_score(constraints.deadline_quantile)
    concurrency = (load.in_flight + features.sequences) / (load.ready_replicas or 1)
    slots = profile.max_concurrency
    latency = read_surface(
        profile.latency,
        concurrency=concurrency if concurrency < slots else slots,
        prompt_tokens=usage.prompt_tokens,
        z=z,
    )
    after_first = usage.completion_tokens - 1
    longer = _output_tokens(profile, features, z, longest) - usage.completion_tokens
    service_ms = latency.ttft_p50_ms + after_first * latency.tpot_p50_ms
    spread_ms = hypot(
        latency.ttft_ms - latency.ttft_p50_ms,
        after_first * (latency.tpot_ms - latency.tpot_p50_ms),
        longer * latency.tpot_p50_ms,
    )
    # Requests over the replica's limit wait for a slot; one frees every service / slots.
    excess = concurrency - slots
    wait_ms = wait_p50_ms = excess * service_ms / slots if excess > 0.0 else 0.0
    if not load.ready_replicas:
        # How far a starting replica has come is not known: any share of the start is as likely
        # as another, so `deadline_quantile` of it is what may be left.
        starting, start_ms = load.starting_replicas, profile.cold_start_s * 1000.0
        wait_ms += start_ms * constraints.deadline_quantile if starting else start_ms
        wait_p50_ms += start_ms * 0.5 if starting else start_ms
    first_text_ms = latency.ttft_p50_ms if features.stream else service_ms
    success = _success(profile, features, correction)
    origin = profile.provenance.origin
    margin = published_margin if origin == "published" else 1.0
    return Prediction(
        ttft_ms=margin * (wait_ms + latency.ttft_ms),
        total_ms=margin * (wait_ms + service_ms + spread_ms),
        wait_ms=margin * wait_ms,
        first_text_p50_ms=margin * (wait_p50_ms + first_text_ms),
        cost_usd=price.cost_usd(
            Usage(
                usage.prompt_tokens * features.prompts,
                usage.completion_tokens * features.sequences,
            )
        ),
        accuracy=success.mean,
        accuracy_lower=success.lower,
        prompt_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        concurrency=concurrency,
        origin=origin,
        feedback=correction,
        default_max_tokens=default,
    )


def default_limit(pair: Pair | None, features: Features, prompt_tokens: int) -> int | None:
    """The pair's default where the caller set no limit, and prompt and answer surely fit.

    An engine refuses a limit that does not fit. Without one it writes up to the window's end, which
    is then less than the default, or little more.
    """
    if pair is None or pair.default_max_tokens is None or features.max_tokens is not None:
        return None
    limit = pair.default_max_tokens
    return limit if prompt_tokens + limit <= SURE_SHARE * pair.context_window else None


def expected_usage(
    profile: Profile, features: Features, added_tokens: float, pair: Pair | None = None
) -> Usage:
    """The request's tokens in the pair's own tokenizer, with an answer of median length."""
    return _expected(profile, features, added_tokens, pair)[0]


def _expected(
    profile: Profile, features: Features, added_tokens: float, pair: Pair | None
) -> tuple[Usage, int | None, int]:
    """Expected usage, the pair's default limit where it applies, and the longest answer.

    An answer goes as far as the context window and the caller's limit, or that default, let it.
    """
    prompt_tokens = ceil(features.prompt_tokens * profile.tokens_ratio + added_tokens)
    if prompt_tokens < 0:
        prompt_tokens = 0
    default = default_limit(pair, features, prompt_tokens)
    longest = profile.context_window - prompt_tokens
    limit = features.max_tokens if default is None else default
    if limit is not None and limit < longest:
        longest = limit
    if longest < 1:
        longest = 1
    completion_tokens = _output_tokens(profile, features, 0.0, longest)
    return Usage(prompt_tokens, completion_tokens), default, longest


def _output_tokens(profile: Profile, features: Features, z: float, longest: int) -> int:
    """The answer's length at normal score `z`."""
    classification = features.classification
    wanted: float = classification.output_tokens_p50
    if z > 0.0 and classification.output_tokens_p95 > wanted:
        wanted += (classification.output_tokens_p95 - wanted) * (z / Z95)
    tokens = ceil(wanted * profile.tokens_ratio)
    return tokens if tokens < longest else longest


def _success(
    profile: Profile, features: Features, correction: Correction | None
) -> Success | TaskAccuracy:
    """The classifier's, or the profile's for the task, or its overall one, then corrected."""
    classification = features.classification
    success: Success | TaskAccuracy | None = classification.success.get(profile.pair)
    if success is None:
        success = profile.accuracy.get(classification.task)
    if success is None:
        success = profile.accuracy["overall"]
    if correction is None:
        return success
    mean = min(max(success.mean + correction.mean, 0.0), 1.0)
    return Success(mean=mean, lower=min(max(success.lower + correction.lower, 0.0), mean))
