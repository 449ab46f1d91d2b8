"""`quantroute refresh` as a Ray job, on a cluster of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import REPOSITORY
from tests.profiles.drift.broken_fleet import PAIR, write_broken_fleet

GIVE_UP_S = 240
# In a process of its own: Ray's client lives as long as the process that asks it.
DRIVER = """
import json, shlex, socket, sys, time
import ray
from ray.job_submission import JobSubmissionClient

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
context = ray.init(
    num_cpus=1,
    include_dashboard=True,
    dashboard_host="127.0.0.1",
    dashboard_port=port,
    object_store_memory=100 * 2**20,
    log_to_driver=False,
)
client = JobSubmissionClient(f"http://{context.dashboard_url}")
job = client.submit_job(entrypoint=shlex.join(sys.argv[1:]))
while not client.get_job_status(job).is_terminal():
    time.sleep(0.5)
print(json.dumps({
    "status": client.get_job_status(job),
    "exit_code": client.get_job_info(job).driver_exit_code,
    "logs": client.get_job_logs(job),
}))
ray.shutdown()
"""


@pytest.mark.ray
def test_a_job_measures_the_fleet_and_fails_when_a_pair_cannot_be_measured(
    tmp_path: Path,
) -> None:
    fleet, out = write_broken_fleet(tmp_path), tmp_path / "out"
    program = [sys.executable, "-c", "from profiles.cli import main; main()", "refresh"]

    driver = subprocess.run(
        [sys.executable, "-c", DRIVER, *program, "--fleet", str(fleet), "--out", str(out)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=GIVE_UP_S,
        check=True,
    )

    told = json.loads(driver.stdout.splitlines()[-1])
    assert (told["status"], told["exit_code"]) == ("FAILED", 1), told["logs"]
    assert f"{PAIR}: not measured: the engine of '{PAIR}' did not load" in told["logs"]
    assert json.loads((out / "refresh.json").read_text())["pairs"][0]["action"] == "not measured"
