"""The edges of every histogram's buckets, in the units that the metrics' names say."""

from __future__ import annotations

TTFT_S = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2, 4, 8, 16)
REQUEST_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2, 4, 8, 16, 32, 64, 128)
OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)
# Powers of two and the halves between them: an upper edge is at most half above what it holds.
CONTEXT_TOKENS = tuple(
    sorted({step << power for step in (2, 3) for power in range(4, 16)} | {131_072})
)
ERROR_RATIO = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 4)
