"""Films a second from files to probabilities, beside the bare decode loop, the bare network, and plain torch.

The network is zhong2020 at 80 pixels with random weights; speed does not depend on them. Every figure is the median of
the rounds, taken in turn in one run on the same cores. The bar: the predictor reaches 85 % of the slower of bare
decoding and bare inference with ONNX Runtime. Both readings of it are written: each of the two alone on one core, as
when they share a machine of two, and each alone on all cores, which no program that does both can reach where they cost
alike. Peak memory is read after a short and after a long run in fresh processes, of the same films over and over.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.films import film_paths
from benchmarks.record import versions, write_result

SIZE, BATCH = 80, 64
CORES = ("one core", "all cores")
CLASSES = ("COVID-19", "Normal", "Pneumonia")


def make_bundle(folder: Path) -> Path:
    """Save a bundle of random weights, with its model.onnx."""
    from covidcxr.core.types import PreprocessSpec
    from covidcxr.export.exporter import export_bundle
    from covidcxr.models.bundle import BundleInfo, NetworkInfo, PreprocessInfo, save_bundle
    from covidcxr.models.network import build_network

    spec = PreprocessSpec(size=SIZE, channels=3)
    network = build_network("zhong2020", num_classes=3, preprocess=spec, options={})
    info = BundleInfo(
        name="random",
        network=NetworkInfo(name="zhong2020", num_parameters=network.num_parameters),
        classes=CLASSES,
        preprocess=PreprocessInfo(size=SIZE, channels=3),
    )
    bundle = save_bundle(folder, network, info)
    export_bundle(bundle.folder, "onnx")
    return bundle.folder


def decode(path: Path) -> None:
    """Decode one file to gray and scale it: the least that any reader must do."""
    with Image.open(path) as image:
        np.asarray(image.convert("L").resize((SIZE, SIZE), Image.Resampling.BOX))


def bare_decode(files: list[Path], num_threads: int = 1) -> None:
    """Decode every file, on so many cores (Pillow releases the interpreter's lock)."""
    with ThreadPoolExecutor(num_threads) as pool:
        for _ in pool.map(decode, files):
            pass


def bare_onnxruntime(bundle: Path, num_films: int, num_threads: int = 1) -> None:
    """Run the network alone, on so many cores, on arrays that are already there."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    session = onnxruntime.InferenceSession(bundle / "model.onnx", options, providers=["CPUExecutionProvider"])
    images = np.zeros((BATCH, 1, SIZE, SIZE), np.float32)
    name = session.get_inputs()[0].name
    for _ in range(num_films // BATCH):
        session.run(None, {name: images})


def bare_torch(bundle: Path, num_films: int) -> None:
    """Run the network alone in eager torch, fp32, three channels, in its default memory order."""
    import torch

    from covidcxr.models.bundle import Bundle

    network = Bundle.load(bundle, verify=False).network()
    images = torch.zeros(BATCH, 3, SIZE, SIZE)
    with torch.no_grad():
        for _ in range(num_films // BATCH):
            network(images)


def predictor(bundle: Path, files: list[Path], backend: str, precision: str) -> Callable[[], None]:
    """Return a run of our predictor over the files, without the gate, which the bare loops do not have."""
    from covidcxr.inference.predictor import Predictor

    loaded = Predictor.load(bundle, backend=backend, device="cpu", batch_size=BATCH, precision=precision, gated=False)  # type: ignore[arg-type]

    def run() -> None:
        assert all(prediction.status == "ok" for prediction in loaded.predict(files))

    return run


def threads() -> int:
    """Return how many threads each library may use."""
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def peak_memory(bundle: Path, files: list[Path], num_films: int) -> int:
    """Return the peak resident MiB of a fresh process that predicts ``num_films`` into a table."""
    code = (
        "import sys; from pathlib import Path; "
        "from benchmarks.predict_throughput import predict_many; predict_many(Path(sys.argv[1]), int(sys.argv[2]), "
        "[Path(line) for line in sys.stdin.read().splitlines()])"
    )
    command = [sys.executable, "-c", code, str(bundle), str(num_films)]
    run = subprocess.run(command, input="\n".join(map(str, files)), capture_output=True, check=True, text=True)
    return int(run.stdout)


def predict_many(bundle: Path, num_films: int, files: list[Path]) -> None:
    """Predict the files over and over into a table, and print the peak resident MiB."""
    from covidcxr.inference.bulk import predict_to_table
    from covidcxr.inference.decoding import Item
    from covidcxr.inference.predictor import Predictor

    loaded = Predictor.load(bundle, backend="onnxruntime", device="cpu", batch_size=BATCH, gated=False)
    numbered = enumerate(itertools.islice(itertools.cycle(files), num_films))
    items = (Item(record_id=f"{number}", source=path) for number, path in numbered)
    with tempfile.TemporaryDirectory() as folder:
        for _ in predict_to_table(loaded, items, Path(folder) / "found.parquet"):
            pass
    # Not ru_maxrss, which begins with what the process that started this one had.
    status = Path("/proc/self/status").read_text()
    print(next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")))


def cold_start(bundle: Path, film: Path, backend: str) -> float:
    """Return the seconds from starting the command to its end, for one film."""
    command = [sys.executable, "-m", "covidcxr.cli.main", "predict", str(bundle), str(film), "--json"]
    start = time.perf_counter()
    subprocess.run([*command, "--backend", backend, "--device", "cpu"], check=True, capture_output=True)
    return time.perf_counter() - start


def keras_rate(python: Path | None, num_films: int) -> float | None:
    """Return films a second of Keras' ``predict`` on arrays that are already there, in another interpreter."""
    if python is None:
        return None
    script = Path(__file__).parent / "peers" / "keras_predict.py"
    run = subprocess.run([python, script, str(num_films), str(BATCH)], capture_output=True, check=True, text=True)
    return float(json.loads(run.stdout.splitlines()[-1])["films_per_second"])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--films", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", type=int, default=50_000, help="films of the long memory run")
    parser.add_argument("--keras-python", type=Path, help="interpreter with tensorflow-cpu and keras")
    given = parser.parse_args()
    paths = [path for _, path in film_paths(given.sources)]
    files = paths[:: max(1, len(paths) // given.films)][: given.films]
    with tempfile.TemporaryDirectory() as scratch:
        bundle = make_bundle(Path(scratch) / "bundle")
        runs: dict[str, Callable[[], None]] = {
            "bare decode, one core": lambda: bare_decode(files),
            "bare decode, all cores": lambda: bare_decode(files, threads()),
            "bare onnxruntime, one core": lambda: bare_onnxruntime(bundle, len(files)),
            "bare onnxruntime, all cores": lambda: bare_onnxruntime(bundle, len(files), threads()),
            "bare torch eager": lambda: bare_torch(bundle, len(files)),
            "predictor onnxruntime": predictor(bundle, files, "onnxruntime", "fp32"),
            "predictor torch": predictor(bundle, files, "torch", "fp32"),
            "predictor torch bf16": predictor(bundle, files, "torch", "bf16"),
            "predictor openvino": predictor(bundle, files, "openvino", "fp32"),
            "predictor openvino bf16": predictor(bundle, files, "openvino", "bf16"),
        }
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(given.rounds):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
        rates = {name: len(files) / statistics.median(values) for name, values in seconds.items()}
        starts = {name: [cold_start(bundle, files[0], name) for _ in range(3)] for name in ("onnxruntime", "torch")}
        memory = {number: peak_memory(bundle, files, number) for number in (1000, given.long)}
        keras = keras_rate(given.keras_python, len(files))
    slower = {kind: min(rates[f"bare {job}, {kind}"] for job in ("decode", "onnxruntime")) for kind in CORES}
    write_result(
        "predict_throughput",
        {
            "films_per_second": {name: round(rate, 1) for name, rate in rates.items()},
            "keras_predict_films_per_second_without_decoding": keras,
            "share_of_the_slower_of_bare_decode_and_bare_onnxruntime": {
                kind: round(rates["predictor onnxruntime"] / rate, 3) for kind, rate in slower.items()
            },
            "cold_start_seconds": {name: round(statistics.median(values), 2) for name, values in starts.items()},
            "peak_memory_mib": memory,
            "films": len(files),
            "batch": BATCH,
            "threads": threads(),
        },
        versions=versions("onnxruntime", "openvino", "torch", "pillow"),
    )


if __name__ == "__main__":
    main()
