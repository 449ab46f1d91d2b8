"""Which pairs `quantroute serve` starts when weights are missing."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from profiles.checkpoints import Made
from profiles.checkpoints.errors import NoSource, SourceUnavailable
from profiles.cli.serve import with_weights
from serve_app.settings.config_file import ConfigFile, read_config
from tests.paths import REPOSITORY


@pytest.fixture
def fleet() -> ConfigFile:
    return read_config(REPOSITORY / "serve_config.yaml")


def without(fleet: ConfigFile, *checkpoints: str) -> Made:
    error = NoSource(checkpoints[0], [SourceUnavailable("model hub", "[Errno -2] unknown name")])
    here = {pair.checkpoint: Path() for pair in fleet.args.pairs}
    return Made(
        folders={name: path for name, path in here.items() if name not in checkpoints},
        missing=dict.fromkeys(checkpoints, error),
    )


def test_the_others_start_and_the_missing_pair_is_named_with_the_reason(fleet: ConfigFile) -> None:
    missing = fleet.args.pairs[-1]
    shown = StringIO()
    rest = with_weights(fleet, without(fleet, missing.checkpoint), Console(file=shown, width=300))
    assert [pair.id for pair in rest.args.pairs] == [pair.id for pair in fleet.args.pairs[:-1]]
    assert f"Starting without {missing.id}: their weights are missing." in shown.getvalue()
    assert "model hub: [Errno -2] unknown name" in shown.getvalue()
    assert f"--local {missing.checkpoint}=FOLDER" in shown.getvalue()


def test_nothing_starts_where_the_setting_is_off(fleet: ConfigFile) -> None:
    strict = replace(fleet, args=replace(fleet.args, start_without_missing_weights=False))
    with pytest.raises(NoSource):
        with_weights(strict, without(fleet, fleet.args.pairs[-1].checkpoint), Console())


def test_nothing_starts_without_one_pair_left(fleet: ConfigFile) -> None:
    every = [pair.checkpoint for pair in fleet.args.pairs]
    with pytest.raises(NoSource):
        with_weights(fleet, without(fleet, *every), Console())


def test_a_fleet_whose_weights_are_there_stays_as_it_is(fleet: ConfigFile) -> None:
    made = Made({pair.checkpoint: Path() for pair in fleet.args.pairs}, {})
    assert with_weights(fleet, made, Console()) is fleet
