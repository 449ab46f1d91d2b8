"""Reads `serve_config.yaml` and names the line to fix if it cannot be used."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from serve_app.core.errors import PolicyInvalid, quoted
from serve_app.settings import AppArgs, FieldPath, SettingsError, dotted, parse_args
from serve_app.settings.policy import INGRESS, USER_CONFIG, user_config_policy

IMPORT_PATH = "serve_app.app:build_app"


class ConfigFileError(Exception):
    """The file cannot be used; the text has one line per problem, `file:line: field: sentence`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A checked configuration: `raw` is the whole document, `raw_args` our application's part
    of it, and `args` the same as settings."""

    path: Path
    raw: dict[str, Any]
    raw_args: dict[str, Any]
    args: AppArgs


def read_config(path: Path) -> ConfigFile:
    """Reads and checks `path`. Raises `ConfigFileError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigFileError((f"{path}: cannot be read: {exc.strerror}",)) from exc
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ConfigFileError((f"{path}:{line}: not YAML: {exc.problem}",)) from exc
    index = our_application(path, raw)
    raw_args = raw["applications"][index].get("args") or {}
    try:
        args = parse_args(raw_args)
    except SettingsError as exc:
        prefix: FieldPath = ("applications", index, "args")
        raise ConfigFileError(
            tuple(
                f"{path}:{_line(root, prefix + field)}: {dotted(field)}: {sentence}"
                for field, sentence in exc.problems
            )
        ) from exc
    place = ("applications", index, "deployments")
    try:
        args = _with_user_config(args, raw["applications"][index])
    except PolicyInvalid as exc:
        line = _line(root, place)
        raise ConfigFileError(
            tuple(f"{path}:{line}: {exc.source}: {problem}" for problem in exc.problems)
        ) from exc
    return ConfigFile(path=path, raw=raw, raw_args=raw_args, args=args)


def _with_user_config(args: AppArgs, application: dict[str, Any]) -> AppArgs:
    """The settings with the policy of the ingress deployment's `user_config`, if there is one.

    Raises `PolicyInvalid`.
    """
    deployments = application.get("deployments")
    for deployment in deployments if isinstance(deployments, list) else ():
        if not isinstance(deployment, dict) or deployment.get("name") != INGRESS:
            continue
        stated = user_config_policy(deployment.get("user_config") or {})
        ids = [pair.id for pair in args.pairs]
        if unknown := [name for name in stated.static_fallback or () if name not in ids]:
            raise PolicyInvalid(
                USER_CONFIG,
                (f"policy.static_fallback: {quoted(unknown)} is no pair; pairs: {', '.join(ids)}",),
            )
        args = replace(args, routing=args.routing.amended(stated))
    return args


def without_pairs(config: ConfigFile, left_out: Collection[str]) -> ConfigFile:
    """The same configuration with fewer pairs, and without their own applications.

    Raises `ConfigFileError` where the rest needs one of them, as its only static fallback for
    example.
    """
    if not left_out:
        return config
    raw = deepcopy(config.raw)
    raw_args = raw["applications"][our_application(config.path, raw)]["args"]
    raw_args["pairs"] = [pair for pair in raw_args["pairs"] if pair["id"] not in left_out]
    own = {pair.app for pair in config.args.pairs if pair.id in left_out and pair.app is not None}
    raw["applications"] = [app for app in raw["applications"] if app.get("name") not in own]
    fallback = raw_args["routing"]["static_fallback"]
    if isinstance(fallback, list):
        left = [pair for pair in fallback if pair not in left_out]
        raw_args["routing"]["static_fallback"] = left or fallback
    try:
        args = parse_args(raw_args)
    except SettingsError as exc:
        without = f"{config.path}: without {', '.join(sorted(left_out))}"
        raise ConfigFileError(
            tuple(f"{without}: {dotted(field)}: {sentence}" for field, sentence in exc.problems)
        ) from exc
    # A fallback in `user_config` may be one that is left out. Routers pass over it.
    routing = replace(
        config.args.routing,
        reference_pair=args.routing.reference_pair,
        static_fallback=args.routing.static_fallback,
    )
    return ConfigFile(
        path=config.path, raw=raw, raw_args=raw_args, args=replace(args, routing=routing)
    )


def our_application(path: Path, raw: Any) -> int:
    applications = raw.get("applications") if isinstance(raw, dict) else None
    for index, application in enumerate(applications if isinstance(applications, list) else ()):
        if isinstance(application, dict) and application.get("import_path") == IMPORT_PATH:
            return index
    raise ConfigFileError(
        (f"{path}:1: applications: none has import_path {IMPORT_PATH!r}; add one with its args",)
    )


def _line(root: yaml.Node | None, field: FieldPath) -> int:
    """The line of the deepest part of `field` that the file has."""
    node, line = root, 1
    for part in field:
        # What marks a part is its key in a mapping, and the item itself in a list.
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            mark = node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            mark, node = found
        else:
            break
        line = mark.start_mark.line + 1
    return line
