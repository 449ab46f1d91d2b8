"""The demonstration: a dozen requests against a running fleet, next to its largest pair."""

from __future__ import annotations
