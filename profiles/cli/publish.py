"""`quantroute publish`."""

from __future__ import annotations

import asyncio
import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profiles.cli.options import DATA, DEFAULT_CONFIG, FleetOption, JsonOption, fail, failing_on
from profiles.cli.store_options import FloorOption, StoreOption, Target, publisher, target
from serve_app.core.errors import CatalogError, CatalogInvalid, StoreEmpty, StoreUnavailable

if TYPE_CHECKING:
    from profiles.publishing.publish import Draft


def publish(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help=f"Profiles to publish; {DATA} if neither a folder nor --policy is given.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="A policy to publish: weights, defaults, guards, prices, pairs switched off. "
            "Without a folder the active profiles stay."
        ),
    ] = None,
    store: StoreOption = None,
    fleet: FleetOption = DEFAULT_CONFIG,
    floor: FloorOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Publish what was active before again.")
    ] = False,
    to: Annotated[
        str | None, typer.Option(metavar="VERSION", help="With --rollback: go back to this one.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="List what was published, with author and date.")
    ] = False,
    note: Annotated[str, typer.Option(help="A word for the history.")] = "",
    allow_mismatch: Annotated[
        bool,
        typer.Option(
            "--allow-mismatch", help="Publish profiles that disagree with the fleet file, too."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a folder of profiles, a policy, or both active; routers use them within 2 seconds.

    Profiles that cannot be true, or that are not of the fleet file's pairs as they are deployed,
    are refused, all of them named, and nothing changes. So is a policy that no router can use.
    A policy stays active until the next one. An empty file ends it.
    """
    if to is not None and not rollback:
        fail("--to names the version that --rollback goes back to: give both", code=2)
    if history and (rollback or dry_run):
        fail("--history changes nothing: give it without --rollback and --dry-run", code=2)
    if policy is not None and (rollback or history):
        fail("--policy publishes a file: give it without --rollback and --history", code=2)
    if folder is None and policy is None:
        folder = DATA
    where = target(store, fleet, floor)
    with failing_on(CatalogError, ValueError, OSError):
        if history:
            asyncio.run(_show_history(where, as_json=as_json))
            return
        try:
            draft, version = asyncio.run(
                _publish(
                    where,
                    None if rollback else folder,
                    policy,
                    to=to,
                    note=note,
                    dry_run=dry_run,
                    allow_mismatch=allow_mismatch,
                )
            )
        except StoreUnavailable as exc:
            if rollback or isinstance(exc, StoreEmpty):
                raise
            allowed = ["--allow-mismatch"] if allow_mismatch else []
            what = [] if folder is None else [str(folder)]
            what += [] if policy is None else ["--policy", str(policy)]
            later = shlex.join(["quantroute", "publish", *what, *where.options, *allowed])
            fail(f"{exc}\nnothing is lost, publish later with: {later}")
    _show_draft(draft, version, dry_run=dry_run, as_json=as_json)


def _show_draft(draft: Draft, version: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Prints what changes; ends the command when the draft is refused."""
    if as_json:
        document = {
            "version": version,
            "replaces": draft.replaces,
            "restores": draft.restores,
            "changes": draft.changes,
            "refused": [asdict(found) for found in draft.refused],
            "warnings": [asdict(found) for found in draft.warnings],
        }
        typer.echo(json.dumps(document))
    else:
        typer.echo("\n".join(draft.changes or ("nothing changes",)))
        for found in draft.warnings:
            typer.secho(f"warning: {found}", err=True, fg=typer.colors.YELLOW)
    if draft.refused:
        refused = [f"refused: {found}" for found in draft.refused]
        fail("\n".join((*refused, f"nothing was published: {len(refused)} problems")))
    if not as_json:
        restored = f", what version {draft.restores} was" if draft.restores else ""
        typer.echo("dry run: nothing was written" if dry_run else f"active: {version}{restored}")


async def _publish(
    where: Target,
    folder: Path | None,
    policy_file: Path | None,
    *,
    to: str | None,
    note: str,
    dry_run: bool,
    allow_mismatch: bool,
) -> tuple[Draft, str | None]:
    """Drafts a folder and a policy, or a rollback without both.

    Publishes it if nothing speaks against.
    """
    from profiles.publishing.policy import read_policy
    from profiles.publishing.publish import (
        Fleet,
        commit,
        draft_folder,
        draft_policy,
        draft_rollback,
    )

    fleet = None
    if where.pairs is not None:
        fleet = Fleet(pairs=where.pairs, policy=where.policy, allow_mismatch=allow_mismatch)
    policy = None if policy_file is None else read_policy(policy_file)
    async with where.opened() as store:
        if folder is not None:
            draft = await draft_folder(folder, store, floor=where.floor, fleet=fleet, policy=policy)
        elif policy is not None:
            draft = await draft_policy(policy, store, fleet=fleet)
        else:
            draft = await draft_rollback(store, to=to, fleet=fleet)
        if dry_run or draft.refused:
            return draft, None
        return draft, await commit(draft, store, by=publisher(), note=note)


async def _show_history(where: Target, *, as_json: bool) -> None:
    async with where.opened() as store:
        try:
            active = (await store.load()).version
        except (StoreEmpty, CatalogInvalid):
            active = ""
        history = await store.history()
    if as_json:
        versions = [asdict(each) for each in history]
        typer.echo(json.dumps({"active": active, "versions": versions}))
        return
    for each in history:
        mark = "*" if each.version == active else " "
        restores = f"restores {each.restores}" if each.restores else ""
        pairs = ", ".join(each.pairs)
        policy = f"policy {each.policy_version}" if each.policy_version else ""
        words = (
            f"{mark} {each.version}",
            each.published_at,
            each.by,
            pairs,
            policy,
            restores,
            each.note,
        )
        typer.echo("  ".join(word for word in words if word))
    if not history:
        typer.echo("nothing was published in this store")
    elif active not in {each.version for each in history}:
        typer.echo(f"active is {active or 'no catalog'}, which was not published here")
