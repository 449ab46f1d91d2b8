"""What runs at the same time where pytest-xdist runs the tests in two processes."""

from __future__ import annotations

from functools import cache

from xdist.scheduler import LoadScopeScheduling

from tests.paths import REPOSITORY


@cache
def starts_engines(file: str) -> bool:
    """Whether the tests of `file`, a path in the repository, start real engines."""
    return "pytest.mark.vllm" in (REPOSITORY / file).read_text()


class EnginesOneByOne(LoadScopeScheduling):
    """One process runs all files that start engines. The others run the remaining files.

    Two fleets at once do not fit into the memory of the smallest machine. Tests of one file share
    its fixtures, so a file is never divided.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "engines" if starts_engines(file) else file
