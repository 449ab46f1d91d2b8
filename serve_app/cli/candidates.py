"""Which checkpoint a name on the command line means, and how its engine is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serve_app.cli.options import DEFAULT_CONFIG

if TYPE_CHECKING:
    from profiles.measuring.engine import EngineSpec
    from profiles.validation.claims import Claim
    from serve_app.settings import AppArgs, PairSettings


class CandidateUnknown(ValueError):
    """A name is neither a path nor a pair, nor a checkpoint made here."""

    def __init__(self, name: str, pairs: tuple[str, ...]) -> None:
        super().__init__(name, pairs)
        self.name = name
        self.pairs = pairs

    def __str__(self) -> str:
        known = ", ".join(self.pairs) or "none, for there is no fleet file"
        return (
            f"{self.name!r} is no path that exists, and no pair of the fleet; pairs: {known}; "
            f"`quantroute weights` makes the checkpoints of a fleet"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A checkpoint and how it is started; `claim` is what the fleet file says that it is."""

    name: str
    spec: EngineSpec
    is_pair: bool
    claim: Claim | None = None


def find_candidates(
    checkpoint: str, parent: str | None, fleet: Path
) -> tuple[Candidate, Candidate | None]:
    """The candidate and its parent, named here or in the fleet file.

    Raises `ConfigFileError` or `CandidateUnknown`.
    """
    args = _fleet(fleet)
    candidate = _find(checkpoint, args, "candidate")
    named = parent if parent is not None else candidate.spec.parent
    return candidate, _find(named, args, "parent") if named is not None else None


def _fleet(fleet: Path) -> AppArgs | None:
    """Nobody needs a fleet to compare two folders."""
    from serve_app.launch.config_file import read_config

    if fleet == DEFAULT_CONFIG and not fleet.exists():
        return None
    return read_config(fleet).args


def _find(name: str, args: AppArgs | None, role: str) -> Candidate:
    from profiles.validation.claims import claim_of
    from serve_app.cli.measured_pairs import pair_specs
    from serve_app.settings import local_checkpoint

    pairs = {pair.id: pair for pair in args.pairs} if args else {}
    if args is not None and name in pairs:
        (spec,) = pair_specs(args, [name])
        claim = claim_of(spec.pair.quantization)
        return Candidate(name=name, spec=spec, is_pair=True, claim=claim)
    folder = Path(local_checkpoint(name)).expanduser()
    if not folder.exists():
        raise CandidateUnknown(name, tuple(pairs))
    reference = pairs[args.routing.reference_pair] if args else None
    return Candidate(name=name, spec=_bare(folder, role, reference), is_pair=False)


def _bare(folder: Path, role: str, like: PairSettings | None) -> EngineSpec:
    """A checkpoint that no pair serves, started as the fleet's reference pair is."""
    from profiles.measuring.engine import EngineSpec
    from serve_app.accelerators import CPU
    from serve_app.core.fleet import Pair
    from serve_app.core.profile import Hardware, Quantization
    from serve_app.serving.llm_config import engine_kwargs

    pair = Pair(
        id=role,
        model=folder.name,
        quantization=Quantization(name="unknown", weight_bits=16, activations="bf16"),
        hardware=like.hardware if like else Hardware(accelerator=CPU, count=1, usd_per_hour=0),
        context_window=like.context_window if like else 2048,
        max_concurrency=like.max_concurrency if like else 8,
        capabilities=frozenset(),
    )
    kwargs = engine_kwargs(like) if like else {"max_model_len": 2048, "max_num_seqs": 8}
    return EngineSpec(
        pair=pair,
        checkpoint=str(folder),
        engine_kwargs={name: value for name, value in kwargs.items() if name != "quantization"},
        env=like.env if like else {},
    )
