"""Workers do not outlive a killed parent; real processes, real signals."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

IMAGE_WORK = """
import os, time
from covidcxr.curation import image_store

def nap(job):
    os.write(1, f"{os.getpid()}\\n".encode())  # one write: two workers share the pipe
    time.sleep(60)

image_store.do_image_work = nap
list(image_store.run_jobs(range(100), 2))
"""
DECODING = """
import os, time
from covidcxr.inference import decoding

pool = decoding._processes(2)
for _ in range(2):
    pool.submit(os.system, "echo $PPID; sleep 1")
for _ in range(2):
    pool.submit(time.sleep, 60)
time.sleep(60)
"""


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("script", [IMAGE_WORK, DECODING], ids=["image work", "decoding"])
def test_workers_of_a_killed_parent_end(script: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(is_running(worker) for worker in workers)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while any(is_running(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(worker) for worker in workers)
