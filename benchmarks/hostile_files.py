"""Damaged, contradictory and oversized image files: does the reader crash, hang, fill memory, or answer in silence?

Every file is made here from computed phantoms and small samples of pydicom, with a seed, and read in a worker process
of limited memory. A worker that dies or does not answer in ten seconds is replaced; its file counts as a crash or a
hang. Each result is one of: refused with a named reason; read with the seed's pixels; read with other pixels and a
warning that the seed does not have (told); read with other pixels and no such warning (silent). Where the encoding has
no checksum of its pixels, some files of the last kind must be expected: no decoder can know.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hostile_seeds import mutants, oversized, seeds
from benchmarks.record import versions, write_result

LIMIT_S = 10.0
LIMIT_MB = 1024
_VISIBLE = 0.01  # mean difference of gray values in [0, 1] from which on an image is another one
_WORKER = """
import json, resource, sys, warnings
import numpy as np
from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.reading import REASONS, read

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
warnings.simplefilter("error")
for line in sys.stdin:
    path, kept = line.rstrip("\\n").split("\\t")
    found = {}
    try:
        image = read(path)
        finite = bool(np.isfinite(image.pixels).all() and image.pixels.min() >= 0 and image.pixels.max() <= 1)
        found = {"warnings": image.warnings, "finite": finite}
        if kept == "-":
            np.save(path + ".npy", image.pixels)
        elif kept:
            seed = np.load(kept)
            same = seed.shape == image.pixels.shape
            found["difference"] = float(np.abs(seed - image.pixels).mean()) if same else 1.0
        del image
    except ImageReadError as error:
        found = {"reason": error.reason, "named": error.reason in REASONS}
    except BaseException as error:
        found = {"escaped": repr(error)[:200]}
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(found), flush=True)
"""


class Worker:
    """A process that reads one file after the other, replaced when it dies or hangs."""

    def __init__(self, noise: Path) -> None:
        self._noise = noise.open("ab")
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path, kept: str) -> dict[str, Any]:
        """Return what reading ``path`` came to; ``kept`` is the seed's pixels, "-" to keep these, "" for neither."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        started = time.monotonic()
        try:
            process.stdin.write(f"{path}\t{kept}\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], 3 * LIMIT_S)
            line = process.stdout.readline() if ready else ""
        except BrokenPipeError:
            ready, line = [process.stdout], ""
        seconds = time.monotonic() - started
        if line:
            return {**json.loads(line), "seconds": seconds}
        self.close()
        return {"hang" if not ready else "crash": True, "seconds": seconds}

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        limit = 4 << 30  # of addresses, so that a file that asks for more fails here and not for the machine
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        return self._process


def outcome(found: dict[str, Any], before: tuple[str, ...]) -> str:
    """Return the one word for what reading a file came to; ``before`` are the warnings of its seed."""
    for fault in ("crash", "hang", "escaped"):
        if fault in found:
            return fault
    if "reason" in found:
        return "refused" if found["named"] else "escaped"
    if not found["finite"]:
        return "not finite"
    if found.get("difference", 0.0) <= _VISIBLE:
        return "as the seed"
    return "told" if set(found["warnings"]) - set(before) else "silent"


def jobs(
    generator: np.random.Generator, folder: Path, worker: Worker, per_seed: int
) -> Iterator[tuple[str, str, Path, str, tuple[str, ...]]]:
    """Yield kind of seed, kind of damage, file, the seed's pixels and its warnings."""
    path = folder / "file"
    for name, data in seeds().items():
        seed = folder / "seed"
        seed.write_bytes(data)
        found = worker.read(seed, "-")
        if "warnings" not in found:
            raise RuntimeError(f"the seed {name} cannot be read: {found}")
        for damage, mutant in mutants(data, generator, per_seed):
            path.write_bytes(mutant)
            yield name, damage, path, f"{seed}.npy", tuple(found["warnings"])
    for name, data in oversized():
        path.write_bytes(data)
        yield name, "oversized", path, "", ()


def main() -> None:
    """Make, read, count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-seed", type=int, default=72)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    by_seed: dict[str, Counter[str]] = {}
    by_damage: dict[str, Counter[str]] = {}
    faults: list[dict[str, Any]] = []
    slowest, most_mb = 0.0, 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        worker = Worker(folder / "stderr")
        for name, damage, path, kept, before in jobs(
            np.random.default_rng(options.seed), folder, worker, options.per_seed
        ):
            found = worker.read(path, kept)
            word = outcome(found, before)
            slow = found["seconds"] > LIMIT_S
            heavy = found.get("peak_mb", 0) > LIMIT_MB
            counts.update([word, *["over 10 s"] * slow, *["over 1 GB"] * heavy])
            reasons[found.get("reason", "")] += "reason" in found
            by_seed.setdefault(name, Counter())[word] += 1
            by_damage.setdefault(damage, Counter())[word] += 1
            slowest, most_mb = max(slowest, found["seconds"]), max(most_mb, found.get("peak_mb", 0))
            if word in ("crash", "hang", "escaped", "not finite") or slow or heavy:
                faults.append({"seed": name, "damage": damage, **found})
            if heavy:
                worker.close()  # its peak would count for the files that follow
        worker.close()
        noise = (folder / "stderr").read_bytes().splitlines()
    words = (
        "crash",
        "hang",
        "escaped",
        "not finite",
        "over 10 s",
        "over 1 GB",
        "silent",
        "told",
        "as the seed",
        "refused",
    )
    figures = {
        "files": sum(sum(counter.values()) for counter in by_seed.values()),
        **{word: counts[word] for word in words},
        "reasons": {name: number for name, number in reasons.most_common() if number},
        "lines on stderr": len(noise),
        "first lines on stderr": [line.decode(errors="replace")[:200] for line in noise[:5]],
        "slowest file, seconds": round(slowest, 2),
        "peak of a worker, MB": most_mb,
        "seconds in all": round(time.monotonic() - started),
        "by seed": {name: dict(counter.most_common()) for name, counter in sorted(by_seed.items())},
        "by damage": {name: dict(counter.most_common()) for name, counter in sorted(by_damage.items())},
        "faults": faults[:20],
    }
    write_result(
        "hostile_files", figures, seed=options.seed, versions=versions("pillow", "pydicom", "python-gdcm", "simplejpeg")
    )


if __name__ == "__main__":
    main()
