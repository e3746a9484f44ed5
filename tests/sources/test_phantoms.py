from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.sources.lookup import is_synthetic, locate_sources, read_source
from covidcxr.sources.phantom_films import draw_film
from covidcxr.sources.phantoms import write_phantom_sources


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "sources"
    return write_phantom_sources(folder, seed=7, num_covid=20, num_normal=16, num_pneumonia=16, size=64)


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_root_says_that_it_is_synthetic(root: Path, tmp_path: Path) -> None:
    assert is_synthetic(root)
    assert not is_synthetic(tmp_path)


def test_every_reader_reads_its_phantoms_with_the_counts_asked_for(root: Path) -> None:
    listings = {name: read_source(name, root) for name in locate_sources(root)}
    assert len(listings) == 7
    frontal = Counter(
        record.label
        for listing in listings.values()
        for record in listing.records
        if record.view not in {"CT", "LATERAL"}
    )
    appearances = {"Typical Appearance": 5, "Negative for Pneumonia": 4}
    appearances |= {"Indeterminate Appearance": 1, "Atypical Appearance": 1}
    assert frontal == {"COVID-19": 20 + 2, "Normal": 16 + 4 + 1 + 2, "Pneumonia": 16 + 4, None: 2, **appearances}
    assert sum(bool(record.boxes) for record in listings["siim-covid19"].records) == 5 + 2


def test_the_traps_of_the_real_releases_are_planted(root: Path) -> None:
    listing = read_source("covid-chestxray-dataset", root)
    assert Counter(problem.rule for problem in listing.problems) == {"no-file": 2, "no-metadata": 1}
    assert {"CT", "LATERAL", "UNKNOWN"} <= {str(record.view) for record in listing.records}
    metadata = (root / "Figure1-COVID-chestxray-dataset" / "metadata.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        metadata.decode("utf-8")
    modes = set()
    for name in locate_sources(root):
        for record in read_source(name, root).records:
            with Image.open(record.path) as image:
                modes.add(image.mode)
    assert {"L", "P", "RGB", "RGBA", "I;16"} <= modes


def test_patients_stay_in_one_official_split(root: Path) -> None:
    splits: dict[str | None, set[str | None]] = {}
    for record in read_source("chest-xray-pneumonia", root).records:
        splits.setdefault(record.patient_id, set()).add(record.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == {"train", "test"}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    counts = {"num_covid": 5, "num_normal": 4, "num_pneumonia": 4, "size": 32}
    first = digests(write_phantom_sources(tmp_path / "a", seed=1, **counts))
    again = digests(write_phantom_sources(tmp_path / "b", seed=1, **counts))
    other = digests(write_phantom_sources(tmp_path / "c", seed=2, **counts))
    assert first == again
    assert first != other


def test_classes_differ_in_the_lungs_and_not_in_mean_brightness() -> None:
    films = {
        kind: np.stack([draw_film(np.random.default_rng([3, n]), kind, size=64)[:48].mean() for n in range(60)])
        for kind in ("normal", "pneumonia", "covid")
    }
    spread = np.mean([values.std() for values in films.values()])
    means = [values.mean() for values in films.values()]
    assert max(means) - min(means) < spread


def test_a_classifier_on_coarse_pixels_tells_the_classes_apart() -> None:
    kinds = ("normal", "pneumonia", "covid")
    features, labels = [], []
    for label, kind in enumerate(kinds):
        for number in range(60):
            film = Image.fromarray(draw_film(np.random.default_rng([5, label, number]), kind, size=64)).resize((16, 16))
            values = np.asarray(film, np.float64).ravel()
            features.append((values - values.mean()) / values.std())
            labels.append(label)
    matrix, target = np.stack(features), np.array(labels)
    train = np.arange(len(target)) % 2 == 0
    centred = matrix - matrix[train].mean(0)
    weights = np.linalg.solve(
        centred[train].T @ centred[train] + 5.0 * np.eye(256), centred[train].T @ np.eye(3)[target[train]]
    )
    accuracy = np.mean((centred[~train] @ weights).argmax(1) == target[~train])
    assert accuracy > 0.7
