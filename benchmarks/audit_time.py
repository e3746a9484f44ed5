"""How long all shortcut audits of one small network on 724 images take. Bar: 3 minutes on two cores.

Figures are wall time, the processor time of this process and its children (what one idle core would take), and the
machine's load while it ran, for a wall time on a busy machine says little. Images are packed before the clock starts,
as a training leaves them.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.record import versions, write_result
from covidcxr.audit.run import run_audits
from covidcxr.models.bundle import Bundle


def processor_seconds() -> float:
    """Return user and system time of this process and of its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(entry.ru_utime + entry.ru_stime for entry in used)


def main() -> None:
    """Audit once for the packed images, once for the clock, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="of a small network, such as strong's")
    parser.add_argument("--data", type=Path, required=True, help="the dataset it was trained on")
    given = parser.parse_args()
    bundle = Bundle.load(given.bundle)
    with tempfile.TemporaryDirectory() as folder:
        run_audits(bundle, given.data, cache=Path(folder), names=["source-name"])  # packs the images
        start, used = time.perf_counter(), processor_seconds()
        audited = run_audits(bundle, given.data, cache=Path(folder))
        wall, used = time.perf_counter() - start, processor_seconds() - used
    write_result(
        "audit_time",
        {
            "seconds": round(wall, 1),
            "processor_seconds": round(used, 1),
            "load_average": [round(load, 1) for load in os.getloadavg()],
            "images": int(audited.context.test.labels.size),
            "parameters": bundle.info.network.num_parameters,
            "network": bundle.info.network.name,
            "audits": len(audited.results),
            "seconds_by_audit": audited.seconds,
        },
        versions=versions("numpy", "scikit-learn", "torch"),
    )


if __name__ == "__main__":
    main()
