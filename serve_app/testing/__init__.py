"""Fakes behind the ports, shipped so that users can test against them without a process started."""

from serve_app.testing.clock import ManualClock
from serve_app.testing.engine import FakeEngine
from serve_app.testing.events import RecordingEvents
from serve_app.testing.script import Script
from serve_app.testing.store import MemoryStore

__all__ = ["FakeEngine", "ManualClock", "MemoryStore", "RecordingEvents", "Script"]
