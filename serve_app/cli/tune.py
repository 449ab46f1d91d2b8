"""`quantroute tune`: how pairs and weights should be set, from what has been served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from serve_app.cli.options import DEFAULT_CONFIG, FleetOption, JsonOption, fail
from serve_app.cli.tune_weights import weights

if TYPE_CHECKING:
    from profiles.advice.max_model_len import Deployed
    from profiles.advice.traffic import Traffic
    from serve_app.settings import AppArgs, PairSettings

LOCAL_METRICS = "http://127.0.0.1:8000/metrics"

tune = typer.Typer(
    name="tune", no_args_is_help=True, help="Advice on settings, from traffic and graded answers."
)
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

    Says the memory that a shorter window frees, and the share of requests it sends elsewhere.
    """
    from profiles.advice.errors import AdviceError
    from profiles.advice.max_model_len import advise, held_by_nobody
    from serve_app.cli.advice_text import window_document, window_lines
    from serve_app.launch.config_file import ConfigFileError, read_config

    if metrics and prometheus:
        fail("--metrics and --prometheus are two sources of the same: give one", code=2)
    try:
        args = read_config(fleet).args
        _check_names(pairs or [], args)
        traffic = _traffic(metrics or [LOCAL_METRICS], prometheus, over)
    except (ConfigFileError, AdviceError) as exc:
        fail(str(exc))
    whole = advise([_deployed(pair) for pair in args.pairs], traffic, quantile=quantile)
    advice = [one for one in whole if not pairs or one.pair in pairs]
    orphans = None if pairs else held_by_nobody(whole, traffic)
    if as_json:
        typer.echo(window_document(advice, orphans, quantile=quantile))
    else:
        for line in window_lines(advice, orphans):
            typer.echo(line)


def _check_names(wanted: list[str], args: AppArgs) -> None:
    known = [pair.id for pair in args.pairs]
    for name in wanted:
        if name not in known:
            fail(f"{name!r} is no pair of the fleet; pairs: {', '.join(known)}", code=2)


def _traffic(pages: list[str], prometheus: str | None, over: str) -> Traffic:
    from profiles.advice.traffic import read_pages, read_prometheus

    return read_pages(pages) if prometheus is None else read_prometheus(prometheus, over=over)


def _deployed(settings: PairSettings) -> Deployed:
    """The pair with what a token takes of its cache, or why that is not known here."""
    from profiles.advice.errors import CacheUnknown
    from profiles.advice.kv_cache import bytes_per_token
    from profiles.advice.max_model_len import Deployed
    from profiles.checkpoint_files import checkpoint_folder
    from profiles.failures import MeasurementUnusable
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
