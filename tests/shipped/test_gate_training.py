"""The gate network's making, from beginning to release, on phantoms in the sources' native layout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from covidcxr.core.errors import TrainingError
from covidcxr.imaging.gate.kinds import KINDS, read_network, standardise_picture
from covidcxr.shipped.gate.release import GateTraining, release_gate
from covidcxr.shipped.lungs.data import is_held_out
from covidcxr.sources.phantoms import write_phantom_sources

pytestmark = pytest.mark.filterwarnings("ignore:.*treespec:FutureWarning")  # of torch's own exporter
FEW = GateTraining(pictures=96, batch_size=16, size=32)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sources")
    write_phantom_sources(root, num_covid=12, num_normal=8, num_pneumonia=4, size=128)
    metadata = root / "covid-chestxray-dataset" / "metadata.csv"
    with metadata.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if any(word in row["filename"] for word in ("lateral", "axial", "coronal")):
            row["patientid"] = next(name for name in map(str, range(50, 99)) if not is_held_out(_patient(name)))
    with metadata.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


def _patient(name: str) -> str:
    return f"covid-chestxray-dataset:{name}"


def test_a_release_can_be_read_back_and_follows_from_its_seed(phantoms: Path, tmp_path: Path) -> None:
    facts = release_gate(phantoms, tmp_path / "gate", FEW, children=6)
    again = release_gate(phantoms, tmp_path / "again", FEW, children=6)
    assert facts["sha256"] == again["sha256"]
    assert set(facts["held_out"]) >= {"frontal", "inverted", "turned-90", "turned-180", "turned-270"}
    assert "research use only" in (tmp_path / "gate" / "CARD.md").read_text().lower()
    network = read_network(tmp_path / "gate")
    picture = np.random.default_rng(0).random((50, 60)).astype(np.float32)
    logits, features = network.run(standardise_picture(picture, network.size)[None])
    assert logits.shape == (1, len(KINDS))
    assert network.distances(features).shape == (1,)


def test_a_source_that_is_left_out_teaches_nothing(phantoms: Path, tmp_path: Path) -> None:
    facts = release_gate(phantoms, tmp_path / "gate", FEW, children=6, leave_out="nih-chest-xray14")
    assert not [name for name in facts["training"] if name.startswith("nih-chest-xray14")]
    assert "--leave-out nih-chest-xray14" in (tmp_path / "gate" / "CARD.md").read_text()
    with pytest.raises(TrainingError, match="no source 'nih'"):
        release_gate(phantoms, tmp_path / "none", FEW, leave_out="nih")
    with pytest.raises(TrainingError, match="no lateral image among"):
        release_gate(phantoms, tmp_path / "none", FEW, children=6, leave_out="covid-chestxray-dataset")
