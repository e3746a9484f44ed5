"""How long ``import covidcxr`` and ``covidcxr --help`` take: the median of 11 new processes each.

Bars: 0.3 s and 0.5 s.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.record import write_result

ROUNDS = 11


def median_seconds(command: list[str]) -> float:
    """Return the median wall time of ``command`` in seconds, after one run that is not counted."""
    seconds = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    write_result(
        "start_time",
        {
            "import_seconds": round(median_seconds([sys.executable, "-c", "import covidcxr"]), 3),
            "help_seconds": round(median_seconds([sys.executable, "-m", "covidcxr.cli.main", "--help"]), 3),
            "python_alone_seconds": round(median_seconds([sys.executable, "-c", "pass"]), 3),
        },
    )
