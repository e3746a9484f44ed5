"""kill -9 at random moments of a bulk prediction, then the run to its end: is every row there, and once?

Each round starts ``covidcxr predict --out`` in its own process group, waits a random part of the time that a whole run
takes, and kills the group; whatever part was finished is kept by the next round. The last run is left alone. The table
must equal that of a run nobody disturbed, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.films import film_paths
from benchmarks.record import versions, write_result

_CODE = """
import sys
from pathlib import Path
from covidcxr.inference.bulk import predict_to_table
from covidcxr.inference.inputs import expand
from covidcxr.inference.predictor import Predictor
bundle, images, out, part_rows = sys.argv[1:]
predictor = Predictor.load(Path(bundle), backend="onnxruntime", device="cpu", gated=False)
for row in predict_to_table(predictor, expand([Path(images)]), Path(out), part_rows=int(part_rows)):
    pass
"""


def command(bundle: Path, films: Path, out: Path, part_rows: int) -> list[str]:
    """Return the command of one bulk run."""
    return [sys.executable, "-c", _CODE, str(bundle), str(films), str(out), str(part_rows)]


def kill_after(run: list[str], seconds: float) -> bool:
    """Start ``run``, kill it with its children after ``seconds``, and tell whether it was still at work."""
    with subprocess.Popen(run, start_new_session=True) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
    return False


def main() -> None:
    """Kill, resume, compare and write."""
    from benchmarks.predict_throughput import make_bundle
    from covidcxr.outputs.predictions import read_parquet_rows

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--films", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--part-rows", type=int, default=64)
    given = parser.parse_args()
    chance = random.Random(20)  # noqa: S311
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        bundle = make_bundle(folder / "bundle")
        table = folder / "films.csv"
        paths = [path for _, path in film_paths(given.sources)][: given.films]
        table.write_text("path\n" + "".join(f'"{path.absolute()}"\n' for path in paths))
        whole, killed = folder / "whole.parquet", folder / "killed.parquet"
        start = time.perf_counter()
        subprocess.run(command(bundle, table, whole, given.part_rows), check=True)
        seconds = time.perf_counter() - start
        run = command(bundle, table, killed, given.part_rows)
        moments = []
        while len(moments) < given.kills:
            moment = chance.uniform(0.0, seconds)
            if kill_after(run, moment):
                moments.append(round(moment, 2))
            else:  # it came to its end before; kill the next one from the beginning
                if killed.read_bytes() != whole.read_bytes():
                    raise SystemExit("a resumed table differs from the undisturbed one")
                killed.unlink()
        subprocess.run(run, check=True)
        names = [row["input"] for row in read_parquet_rows(killed)]
        write_result(
            "kill_resume",
            {
                "kills": len(moments),
                "killed_after_seconds": moments,
                "seconds_of_a_whole_run": round(seconds, 2),
                "rows_lost": len(paths) - len(set(names)),
                "rows_twice": len(names) - len(set(names)),
                "same_bytes_as_undisturbed": killed.read_bytes() == whole.read_bytes(),
                "films": len(paths),
                "part_rows": given.part_rows,
            },
            versions=versions("onnxruntime"),
        )


if __name__ == "__main__":
    main()
