"""`quantroute tune`: how pairs and weights should be set, from what has been served.

Advice is printed for people, or as one JSON document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.fleet_options import check_pairs, fleet_args
from profiles.cli.options import DEFAULT_CONFIG, FleetOption, JsonOption, fail, failing_on, show
from profiles.cli.tune_weights import weights

if TYPE_CHECKING:
    from profiles.tuning.max_model_len import Advice, Deployed
    from serve_app.settings import PairSettings

GIB = 2**30
ASKED_FOR = (
    "The router also sends a request elsewhere when its prompt and max_tokens do not fit: callers "
    "that ask for longer answers than they get add to these shares."
)
LOCAL_METRICS = "http://127.0.0.1:8000/metrics"

tune = typer.Typer(
    name="tune", no_args_is_help=True, help="Advice on settings, from traffic and graded answers."
)


def _advice_lines(one: Advice) -> Iterator[str]:
    """A pair's traffic and what to set; warnings open with an exclamation mark."""
    seen = "no requests"
    if one.seen:
        lengths = ", ".join(
            f"{name} {'beyond all buckets' if value is None else f'{value:,.0f}'}"
            for name, value in (("P50", one.p50), ("P95", one.p95), ("P99", one.p99))
        )
        seen = f"{one.seen:,} requests, contexts of {lengths} tokens"
    yield f"{one.pair}: {seen}; window {one.context_window:,}"
    if one.advises_less:
        freed = f"room for {one.further_requests:,} more requests of that length"
        if one.freed_bytes is not None:
            gib = one.freed_bytes / GIB
            freed = f"frees {gib:.2f} GiB that requests could take at most, {freed}"
        longer = "no request was longer"
        if one.share_above:
            longer = f"at most {one.share_above:.2%} of requests were longer"
            if one.elsewhere:
                longer += f": they go to {', '.join(one.elsewhere)}"
        yield f"  max_model_len {one.max_model_len:,}: {freed}"
        yield f"  {longer}"
    elif one.seen:
        yield "  keep the window: the traffic fills it"
    for warning in one.warnings:
        yield f"  ! {warning}"


tune.command()(weights)


@tune.command("max-model-len")
def max_model_len(
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="PAIR...", help="Pairs to advise; all if none.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL|FILE",
            help=f"A router's page of metrics; once per replica. [default: {LOCAL_METRICS}]",
        ),
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask this Prometheus server instead.")
    ] = None,
    over: Annotated[str, typer.Option(help="With --prometheus: how far back.")] = "7d",
    fleet: FleetOption = DEFAULT_CONFIG,
    quantile: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="Share of requests that shall fit.")
    ] = 0.95,
    as_json: JsonOption = False,
) -> None:
    """Advise each pair's context window from the lengths of the contexts it has served.

    Prints the memory that a shorter window frees, and the share of requests it sends elsewhere.
    """
    from profiles.tuning.max_model_len import advise, held_by_nobody
    from profiles.tuning.traffic import AdviceError, read_pages, read_prometheus

    if metrics and prometheus:
        fail("--metrics and --prometheus are two sources of the same: give one", code=2)
    args = fleet_args(fleet)
    check_pairs(args, pairs or [])
    with failing_on(AdviceError):
        if prometheus is None:
            traffic = read_pages(metrics or [LOCAL_METRICS])
        else:
            traffic = read_prometheus(prometheus, over=over)
    whole = advise([_deployed(pair) for pair in args.pairs], traffic, quantile=quantile)
    advice = [one for one in whole if not pairs or one.pair in pairs]
    orphans = None if pairs else held_by_nobody(whole, traffic)
    document = {
        "quantile": quantile,
        "pairs": [asdict(one) for one in advice],
        "held_by_nobody": None if orphans is None else asdict(orphans),
    }
    lines = [line for one in advice for line in _advice_lines(one)]
    if orphans is not None:
        lines.append(
            f"! all of this at once would leave no pair for {orphans.requests:,} requests over "
            f"{orphans.longest_window:,} tokens: keep one pair's window"
        )
    if any(one.advises_less for one in advice):
        lines.append(ASKED_FOR)
    show(document, "\n".join(lines), as_json=as_json)


def _deployed(settings: PairSettings) -> Deployed:
    """The pair with what a token takes of its cache, or why that is not known here."""
    from profiles.checkpoint_files import checkpoint_folder
    from profiles.errors import MeasurementUnusable
    from profiles.tuning.kv_cache import bytes_per_token
    from profiles.tuning.max_model_len import Deployed
    from profiles.tuning.traffic import CacheUnknown
    from serve_app.settings import local_checkpoint

    known, unknown = None, ""
    try:
        known = bytes_per_token(
            checkpoint_folder(local_checkpoint(settings.checkpoint)),
            dtype=str(settings.engine.get("dtype", "auto")),
            cache_dtype=str(settings.engine.get("kv_cache_dtype", "auto")),
        )
    except (CacheUnknown, MeasurementUnusable) as exc:
        unknown = str(exc)
    return Deployed(
        pair=settings.id,
        context_window=settings.context_window,
        max_concurrency=settings.max_concurrency,
        cache_bytes_per_token=known,
        cache_unknown=unknown,
    )
