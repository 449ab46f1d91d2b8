"""Runs `quantroute ARGS...` as if no extra of the installation were there.

`--every-help` shows the help of each command instead, one after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import typer
from typer.core import TyperGroup

from profiles.cli import cli, main
from profiles.cli.missing_extra import MODULES

EVERY_HELP = "--every-help"


class NoExtras(MetaPathFinder):
    """Finds no module that an extra brings."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        name = fullname.partition(".")[0]
        if any(name in modules for modules in MODULES.values()):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def command_paths(command: object, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of each command and subcommand."""
    yield path
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from command_paths(below, *path, name)


def show_every_help() -> None:
    for path in command_paths(typer.main.get_command(cli)):
        sys.stdout.write(f"{' '.join(('quantroute', *path))}:\n")
        cli([*path, "--help"], prog_name="quantroute", standalone_mode=False)


if __name__ == "__main__":
    sys.meta_path.insert(0, NoExtras())
    if sys.argv[1:] == [EVERY_HELP]:
        show_every_help()
    else:
        main()
