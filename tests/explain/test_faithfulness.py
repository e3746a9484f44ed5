from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from covidcxr.core.types import PreprocessSpec, Radiograph
from covidcxr.explain.explainer import Explainer
from covidcxr.explain.explanation import Explanation, judge
from covidcxr.explain.faithfulness import Checks, area, deletion_insertion, shuffled_network
from covidcxr.explain.methods import METHODS
from covidcxr.explain.rows import summarise, to_row
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.models.network import ChestNetwork


class Spot(ChestNetwork):
    """Class 1 means a bright spot; ``weight`` is how much it counts."""

    def __init__(self) -> None:
        super().__init__(num_classes=2, size=56, channels=1)
        self.pool = nn.AvgPool2d(4)
        self.weight = nn.Parameter(torch.tensor([-30.0, 30.0]))

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.pool(images) - 0.5)
        return features.mean(dim=(1, 2, 3))[:, None] * self.weight[None] + torch.tensor([1.0, 0.0]), features


def _radiograph(row: int, column: int) -> Radiograph:
    pixels = np.full((112, 112), 0.2, np.float32)
    pixels[row : row + 16, column : column + 16] = 1.0
    return Radiograph(pixels=pixels, origin="planted")


def _lungs() -> LungFields:
    right, left = np.zeros((112, 112), bool), np.zeros((112, 112), bool)
    right[20:90, 12:50] = True
    left[20:90, 62:100] = True
    return LungFields(right=right, left=left, confidence=1.0, found=True, box=(12, 20, 88, 70))


def _explainer(method: str = "hires-cam") -> Explainer:
    return Explainer(Spot(), classes=("Normal", "COVID-19"), spec=PreprocessSpec(size=56), method=method)


def test_a_signal_in_the_lung_is_found_there_and_named_by_its_zone() -> None:
    found = _explainer().explain(_radiograph(72, 24), target="COVID-19", lungs=_lungs())
    assert found.lung_fraction is not None
    assert found.lung_fraction > 0.8
    assert found.peak_in_lungs
    assert found.where == "right lower"
    assert found.failed == ()


def test_a_signal_in_the_corner_fails_and_says_where_it_was_not() -> None:
    found = _explainer().explain(_radiograph(0, 96), target="COVID-19", lungs=_lungs())
    assert found.lung_fraction is not None
    assert found.lung_fraction < 0.2
    assert not found.peak_in_lungs
    assert found.failed[0].startswith("outside-lungs")


def test_a_failed_explanation_looks_failed() -> None:
    film = _radiograph(0, 96)
    found = _explainer().explain(film, target="COVID-19", lungs=_lungs())
    overlay = found.overlay(film.pixels)
    assert tuple(overlay[0, 0]) == (213, 94, 0)


def test_without_lungs_there_is_no_fraction_and_the_explanation_fails() -> None:
    empty = np.zeros((112, 112), bool)
    none = LungFields(right=empty, left=empty, confidence=0.1, found=False, reasons=("no-lungs: presence 0.10",))
    found = _explainer().explain(_radiograph(72, 24), target="COVID-19", lungs=none)
    assert found.lung_fraction is None
    assert found.peak_in_lungs is None
    assert found.failed == ("no-lungs: no-lungs: presence 0.10",)


def test_a_film_without_evidence_says_so() -> None:
    flat = Radiograph(pixels=np.full((112, 112), 0.2, np.float32), origin="flat")
    found = _explainer().explain(flat, target="COVID-19", lungs=_lungs())
    assert found.failed[0].startswith("no-evidence")


def test_a_batch_explains_each_film_as_alone() -> None:
    films = [_radiograph(72, 24), _radiograph(0, 96), _radiograph(30, 70)]
    explainer = _explainer()
    batch = list(explainer.explain_all(films, target="COVID-19", lungs=[_lungs()] * 3))
    for film, found in zip(films, batch, strict=True):
        alone = explainer.explain(film, target="COVID-19", lungs=_lungs())
        assert found.lung_fraction == pytest.approx(alone.lung_fraction)


def test_a_mask_of_another_size_is_refused() -> None:
    small = np.zeros((20, 20), bool)
    lungs = LungFields(right=small, left=small, confidence=1.0, found=False)
    with pytest.raises(Exception, match=r"\(20, 20\).*\(112, 112\)"):
        _explainer().explain(_radiograph(30, 70), lungs=lungs)


def test_a_true_map_passes_the_checks() -> None:
    checks = _explainer().explain(_radiograph(72, 24), target="COVID-19", lungs=_lungs(), checks=True).checks
    assert checks is not None
    assert checks.deletion < checks.moved_deletion
    assert checks.insertion > checks.moved_insertion
    assert checks.copy_agreement > 0.5
    assert not [reason for reason in checks.failed if not reason.startswith("not-learned")]


def test_deleting_the_hot_cell_first_drops_the_score_at_once() -> None:
    image = np.zeros((1, 28, 28), np.float32)
    image[0, 4:6, 4:6] = 1.0
    true, wrong = np.zeros((14, 14), np.float32), np.zeros((14, 14), np.float32)
    true[2, 2] = wrong[12, 12] = 1.0

    def score(images: np.ndarray) -> np.ndarray:
        return images[:, 0, 4:6, 4:6].mean(axis=(1, 2)).astype(np.float64)

    deleted, inserted, moved_deletion, moved_insertion = deletion_insertion(score, image, true)
    missed, _, _, _ = deletion_insertion(score, image, wrong)
    assert area(deleted) < 0.2 < area(missed)
    assert area(inserted) > moved_insertion
    assert area(deleted) < moved_deletion


def test_shuffling_keeps_the_values_and_changes_their_places() -> None:
    torch.manual_seed(0)
    network = Spot()
    network.extra = nn.Linear(30, 30)
    shuffled = shuffled_network(network)
    first, second = network.extra.weight, shuffled.extra.weight
    assert torch.equal(first.flatten().sort().values, second.flatten().sort().values)
    assert not torch.equal(first, second)


def _checks(**changes: object) -> Checks:
    good = {
        "deletion": 0.4,
        "insertion": 0.6,
        "moved_deletion": 0.5,
        "moved_insertion": 0.5,
        "deletion_curve": (1.0, 0.0),
        "insertion_curve": (0.0, 1.0),
        "randomised_agreement": 0.1,
        "copy_agreement": 0.9,
    }
    return Checks(**(good | changes))  # type: ignore[arg-type]


def test_each_kind_of_failure_is_named() -> None:
    bad = _checks(deletion=0.6, insertion=0.4, randomised_agreement=0.95, copy_agreement=0.1)
    assert [reason.partition(":")[0] for reason in bad.failed] == ["not-faithful", "not-learned", "unstable"]
    assert _checks().failed == ()


@pytest.mark.parametrize("changes", [{"deletion": 0.5}, {"insertion": 0.45}, {"deletion_curve": (0.97, 0.94)}], ids=str)
def test_either_curve_that_a_moved_map_matches_or_a_film_that_does_not_matter_is_not_faithful(
    changes: dict[str, object],
) -> None:
    (reason,) = _checks(**changes).failed
    assert reason.startswith("not-faithful: ")


def test_every_method_is_laid_beside_the_maps_and_left_out_with_a_reason() -> None:
    for method in ("grad-cam", "integrated-gradients"):
        explainer = _explainer(method)
        checks = explainer.explain(_radiograph(72, 24), target="COVID-19", lungs=_lungs(), checks=True).checks
        assert checks is not None
        assert set(checks.method_agreement) | set(explainer.not_compared) == set(METHODS.names()) - {method}
        assert "grad-cam++" in checks.method_agreement


def test_the_summary_counts_what_lies_outside() -> None:
    explainer = _explainer()
    rows = [
        to_row(str(place), explainer.explain(_radiograph(*place), target="COVID-19", lungs=_lungs()))
        for place in ((72, 24), (0, 96), (30, 70), (0, 0))
    ]
    summary = summarise(rows)
    assert (summary.num_films, summary.num_failed, summary.num_errors) == (4, 2, 0)
    assert summary.peak_outside == 0.5


def _judged(signed: np.ndarray, **changes: object) -> Explanation:
    fields = {"spec": PreprocessSpec(size=56), "method": "grad-cam", "target": "COVID-19", "probability": 0.9} | changes
    return judge(_radiograph(72, 24), signed.astype(np.float32), _lungs(), **fields)  # type: ignore[arg-type]


def _spot(row: int, column: int, *, haze: float) -> np.ndarray:
    signed = np.full((112, 112), haze)
    signed[row : row + 10, column : column + 10] = 1.0
    return signed


@pytest.mark.parametrize("haze", [0.0, 0.19])
def test_a_low_haze_over_the_film_neither_blames_a_map_of_the_lungs_nor_excuses_one_of_the_corner(haze: float) -> None:
    inside, outside = _judged(_spot(72, 24, haze=haze)), _judged(_spot(0, 100, haze=haze))
    assert (inside.lung_fraction, outside.lung_fraction) == (1.0, 0.0)
    assert inside.zones["right lower"] == 1.0
    assert not inside.failed
    assert outside.failed == ("outside-lungs: 0% of the evidence lies inside the lungs",)


def test_a_map_that_means_nothing_scores_the_lungs_share_of_what_the_network_saw() -> None:
    flat = np.ones((7, 7))
    whole = _judged(flat)
    assert whole.chance == pytest.approx(2 * 38 * 70 / 112**2)
    assert whole.lung_fraction == pytest.approx(whole.chance)
    box = _judged(flat, region=(12, 20, 88, 70))
    assert box.chance == pytest.approx(76 / 88)
    assert box.lung_fraction == pytest.approx(box.chance)


def test_where_the_network_sees_mostly_lung_half_inside_is_not_enough() -> None:
    signed = np.ones((7, 7))
    signed[:, 3] = 3.0  # the part between the lungs
    found = _judged(signed, region=(12, 20, 88, 70))
    assert found.lung_fraction is not None
    assert 0.5 < found.lung_fraction < found.chance
    assert found.failed[0].startswith("outside-lungs")
    assert found.failed[0].endswith("86% would by chance")


def test_the_map_of_the_input_is_put_where_it_belongs_on_the_film() -> None:
    signed = np.zeros((8, 8), np.float32)
    signed[7, 0] = 2.0
    found: Explanation = judge(
        _radiograph(72, 24),
        signed,
        _lungs(),
        spec=PreprocessSpec(size=56),
        method="grad-cam",
        target="COVID-19",
        probability=0.9,
    )
    assert found.heat.shape == (112, 112)
    row, column = np.unravel_index(found.heat.argmax(), found.heat.shape)
    assert row > 95
    assert column < 16
