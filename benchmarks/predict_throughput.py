"""Images a second from files to probabilities, gated and not, beside the bare decode loop and the bare network.

Two networks: zhong2020 at 80 pixels, of ``--zhong2020`` or with random weights, because speed does not depend on them,
and the trained one of ``--bundle``. Each is run by every backend, and gated, as `covidcxr predict` does by default, by
the fastest ones; and once more on images in memory, beside Keras and plain torch (`benchmarks.in_memory`). Every figure
is the median of the rounds, taken in turn in one run on the same cores. The bar: the predictor reaches 85 % of the
slower of bare decoding and bare inference with ONNX Runtime. Both readings of it are written: each of the two alone on
one core, as when they share a machine of two, and each alone on all cores, which no program that does both can reach
where they cost alike. Peak memory is read after a short and after a long run in fresh processes, of the same images
over and over.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import in_memory
from benchmarks.export_variants import BACKENDS
from benchmarks.films import film_paths
from benchmarks.in_memory import BATCH, Run
from benchmarks.record import versions, write_result

SIZE = 80
RANDOM = "random"
CORES = ("one core", "all cores")
CLASSES = ("COVID-19", "Normal", "Pneumonia")
GATED = [("onnxruntime", "fp32"), ("openvino", "bf16"), ("openvino", "int8")]


def make_bundle(folder: Path) -> Path:
    """Save a bundle of random weights, with its model.onnx."""
    from covidcxr.core.types import PreprocessSpec
    from covidcxr.export.exporter import export_bundle
    from covidcxr.models.build import build_network
    from covidcxr.models.bundle import save_bundle
    from covidcxr.models.bundle_info import BundleInfo, NetworkInfo, PreprocessInfo

    spec = PreprocessSpec(size=SIZE, channels=3)
    network = build_network("zhong2020", num_classes=3, preprocess=spec, options={})
    info = BundleInfo(
        name=RANDOM,
        network=NetworkInfo(name="zhong2020", num_parameters=network.num_parameters),
        classes=CLASSES,
        preprocess=PreprocessInfo(size=SIZE, channels=3),
    )
    bundle = save_bundle(folder, network, info)
    export_bundle(bundle.folder, "onnx")
    return bundle.folder


def add_variants(bundle: Path, files: list[Path]) -> None:
    """Give a bundle its model.onnx and, with ranges from some of the files, its model-int8.onnx."""
    from covidcxr.export.exporter import export_bundle
    from covidcxr.export.quantised import write_int8
    from covidcxr.imaging.preprocess import preprocess
    from covidcxr.imaging.reading import read
    from covidcxr.models.bundle import INT8, Bundle, refresh_sums

    loaded = Bundle.load(bundle)
    if loaded.onnx_path is None:
        export_bundle(bundle, "onnx")
        loaded = Bundle.load(bundle)
    spec = loaded.info.preprocess.spec()
    images = np.stack([preprocess(read(path), spec)[:1] for path in files[:: max(1, len(files) // 32)][:32]])
    write_int8(loaded, images, bundle / INT8)
    refresh_sums(bundle)


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
    entry = session.get_inputs()[0]
    images, name = np.zeros((BATCH, *entry.shape[1:]), np.float32), entry.name
    for _ in range(num_films // BATCH):
        session.run(None, {name: images})


def predictor(bundle: Path, files: list[Path], backend: str, precision: str, *, gated: bool = False) -> Run:
    """Return a run of our predictor over the files, without the gate, which the bare loops do not have, or with it."""
    from covidcxr.inference.predictor import Predictor

    loaded = Predictor.load(bundle, backend=backend, device="cpu", batch_size=BATCH, precision=precision, gated=gated)  # type: ignore[arg-type]

    def run() -> None:
        assert all(prediction.status != "error" for prediction in loaded.predict(files))

    return run


def network_runs(bundle: Path, files: list[Path]) -> dict[str, Run]:
    """Return the runs of one network: bare, by every backend, and gated."""
    runs: dict[str, Run] = {
        "bare onnxruntime, one core": lambda: bare_onnxruntime(bundle, len(files)),
        "bare onnxruntime, all cores": lambda: bare_onnxruntime(bundle, len(files), threads()),
    }
    runs |= {f"predictor {name} {kind}": predictor(bundle, files, name, kind) for name, kind in BACKENDS}
    runs |= {f"gated {name} {kind}": predictor(bundle, files, name, kind, gated=True) for name, kind in GATED}
    return runs


def rates_of(runs: dict[str, Run], num_films: int, rounds: int) -> dict[str, float]:
    """Return the images per second of each run: the median of the rounds, in which they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: round(num_films / statistics.median(values), 1) for name, values in seconds.items()}


def figures_in_memory(bundle: Path, files: list[Path], given: argparse.Namespace) -> dict[str, Any]:
    """Return the rates of one network on images in memory, and how they stand to the bars."""
    from covidcxr.models.bundle import Bundle

    images = in_memory.preprocessed(bundle, files)
    runs = in_memory.network_runs(bundle, images)
    with in_memory.keras_predict(given.keras_python, bundle, images) as keras:
        runs |= {"keras predict": keras} if keras else {}
        rates = rates_of(runs, len(images), given.rounds)
    is_trained = given.data is not None and Bundle.load(bundle, verify=False).info.name != RANDOM
    changes = in_memory.auroc_changes(bundle, given.data, given.judged) if is_trained else {}
    return {"films_per_second": rates, "auroc_changes": changes, **in_memory.compared(rates, changes)}


def share(rates: dict[str, float], decode_rates: dict[str, float]) -> dict[str, dict[str, float]]:
    """Return our rates in shares of the slower of bare decoding and bare inference, on one core and on all."""
    slower = {kind: min(decode_rates[kind], rates[f"bare onnxruntime, {kind}"]) for kind in CORES}
    ours = {name: rate for name, rate in rates.items() if not name.startswith("bare")}
    return {kind: {name: round(rate / slower[kind], 3) for name, rate in ours.items()} for kind in CORES}


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
    """Return the seconds from starting the command to its end, for one image."""
    command = [sys.executable, "-m", "covidcxr.cli.main", "predict", str(bundle), str(film), "--json"]
    start = time.perf_counter()
    subprocess.run([*command, "--backend", backend, "--device", "cpu"], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--bundle", type=Path, help="a trained bundle, the strongest network")
    parser.add_argument("--zhong2020", type=Path, help="a trained bundle of zhong2020; random weights by default")
    parser.add_argument("--data", type=Path, help="dataset on whose test part changes of the AUROC are measured")
    parser.add_argument("--judged", type=int, default=400, help="at most so many of its images")
    parser.add_argument("--films", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", type=int, default=50_000, help="images of the long memory run; 0 for none")
    parser.add_argument("--keras-python", type=Path, help="interpreter with tensorflow-cpu and keras")
    given = parser.parse_args()
    paths = [path for _, path in film_paths(given.sources)]
    files = paths[:: max(1, len(paths) // given.films)][: given.films]
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch) / "zhong2020"
        bundles = {"zhong2020": shutil.copytree(given.zhong2020, small) if given.zhong2020 else make_bundle(small)}
        if given.bundle is not None:
            bundles["strongest"] = shutil.copytree(given.bundle, Path(scratch) / "strongest")
        decoding = {
            "one core": lambda: bare_decode(files),
            "all cores": lambda: bare_decode(files, threads()),
        }
        decode_rates = rates_of(decoding, len(files), given.rounds)
        rates, on_arrays = {}, {}
        for name, folder in bundles.items():
            add_variants(folder, files)
            rates[name] = rates_of(network_runs(folder, files), len(files), given.rounds)
            on_arrays[name] = figures_in_memory(folder, files, given)
        starts = {name: [cold_start(small, files[0], name) for _ in range(3)] for name in ("onnxruntime", "torch")}
        memory = {number: peak_memory(small, files, number) for number in (1000, given.long) if number and given.long}
    write_result(
        "predict_throughput",
        {
            "bare_decode_films_per_second": decode_rates,
            "films_per_second": rates,
            "share_of_the_slower_of_bare_decode_and_bare_onnxruntime": {
                name: share(rates[name], decode_rates) for name in rates
            },
            "films_in_memory": on_arrays,
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
