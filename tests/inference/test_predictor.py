from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import bundles
import films
from covidcxr.cli.main import run_command
from covidcxr.core.errors import BundleError, ImageReadError, RegistryError
from covidcxr.core.types import Prediction, Radiograph
from covidcxr.imaging import small_network
from covidcxr.imaging.gate import kinds as gate_kinds
from covidcxr.imaging.gate.gate import GateReason, GateResult
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.preprocess import preprocess
from covidcxr.imaging.reading import read
from covidcxr.inference import decoding
from covidcxr.inference.predictor import Predictor
from covidcxr.models.bundle import Bundle, update_info
from covidcxr.sources.phantom_films import draw_film


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle", temperature=2.0)


@pytest.fixture
def predictor(bundle: Bundle) -> Predictor:
    return Predictor.load(bundle.folder, batch_size=4)


def same(first: list[Prediction], second: list[Prediction]) -> bool:
    assert [one.record_id for one in first] == [one.record_id for one in second]
    return all(
        one.status == other.status and np.array_equal(one.probabilities, other.probabilities)
        for one, other in zip(first, second, strict=True)
        if one.probabilities is not None
    )


def test_probabilities_are_the_networks_softmax_at_the_bundles_temperature(bundle: Bundle) -> None:
    data = bundles.png(1)
    found = Predictor.load(bundle.folder).predict_one(data, "film")
    image = torch.from_numpy(preprocess(read(data), bundle.info.preprocess.spec()))[None]
    logits = bundle.network()(image)[0]
    np.testing.assert_allclose(found.logits, logits.numpy(), atol=1e-4)
    np.testing.assert_allclose(found.probabilities, torch.softmax(logits / 2.0, 0).numpy(), atol=1e-5)
    assert found.probabilities is not None
    assert found.label == bundles.CLASSES[int(found.probabilities.argmax())]
    assert (found.status, found.record_id, found.bundle_id) == ("ok", "film", bundle.bundle_id)


def test_results_come_in_the_order_of_the_inputs_and_one_fault_stops_nothing(
    predictor: Predictor, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(bundles.png(1))
    inputs = [tmp_path / "a.png", b"text, no film", bundles.png(2), tmp_path / "gone.png", io.BytesIO(bundles.png(3))]
    found = list(predictor.predict(inputs))
    assert [one.status for one in found] == ["ok", "error", "ok", "error", "ok"]
    assert found[0].record_id == str(tmp_path / "a.png")
    assert found[1].reasons[0].startswith("text: <input 1>: is a text file")
    assert found[3].reasons[0].startswith("missing: ")
    assert found[3].probabilities is None
    assert not np.array_equal(found[0].probabilities, found[2].probabilities)


def test_paths_bytes_and_radiographs_of_one_film_give_one_result(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(bundles.png(5))
    first, second, third = predictor.predict([path, bundles.png(5), read(path)])
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_array_equal(first.probabilities, third.probabilities)


def test_the_number_of_decoding_workers_changes_nothing(predictor: Predictor) -> None:
    inputs = [bundles.png(number) if number % 5 else b"no film" for number in range(23)]
    assert same(list(predictor.predict(inputs)), list(predictor.predict(inputs, workers=2)))


def test_inputs_are_taken_only_a_little_ahead(predictor: Predictor) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bundles.png(taken % 3)

    results = predictor.predict(endless())
    for _ in range(20):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert taken <= 20 + 5 * predictor.batch_size


class DeadlyFilm:
    """A file object that ends the process which reads it, as a crashing decoder would."""

    def read(self, size: int = -1) -> bytes:
        del size
        os._exit(3)


def test_a_decoder_that_crashes_costs_one_input(predictor: Predictor) -> None:
    inputs = [bundles.png(1), bundles.png(2), DeadlyFilm(), bundles.png(3), bundles.png(4)]
    found = list(predictor.predict(inputs, workers=1))  # type: ignore[arg-type]
    assert [one.status for one in found] == ["ok", "ok", "error", "ok", "ok"]
    assert found[2].reasons[0].startswith("crashed: ")


def test_batches_end_with_the_group(bundle: Bundle) -> None:
    sizes = []
    predictor = Predictor.load(bundle.folder, batch_size=4)
    run = predictor.backend.logits

    def recorded(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        return run(images)

    predictor.backend.logits = recorded  # type: ignore[method-assign]
    list(predictor.predict([bundles.png(number) for number in range(13)], group=6))
    assert sizes == [4, 2, 4, 2, 1]


def test_a_network_that_gives_no_numbers_is_an_error_not_a_label(tmp_path: Path) -> None:
    broken = bundles.tiny_bundle(tmp_path / "bundle", gain=float("nan"))
    found = Predictor.load(broken.folder).predict_one(bundles.png(1))
    assert found.status == "error"
    assert found.label is None
    assert found.reasons[0].startswith("not-finite: ")


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.full((9, 9), 200.0, np.float32), "range"),
        (np.full((9, 9), 1, np.uint8), "range"),
        (np.full((9, 9), np.nan, np.float32), "not-finite"),
        (np.zeros((0, 5), np.float32), "zero-size"),
        (np.zeros((50, 50, 3), np.float32), "shape"),
    ],
)
def test_pixels_that_are_no_film_are_an_error_of_their_own(
    predictor: Predictor, pixels: np.ndarray, reason: str
) -> None:
    film = Radiograph(pixels=np.zeros((9, 9), np.float32), origin="good")
    bad, good = predictor.predict([Radiograph(pixels=pixels, origin="bad"), film])
    assert (bad.status, good.status) == ("error", "ok")
    assert bad.reasons[0].startswith(f"{reason}: bad: ")


def test_images_that_no_preprocessing_makes_get_no_logits(predictor: Predictor) -> None:
    fine = np.zeros((2, 3, 16, 16), np.float32)
    assert predictor.logits(fine).shape == (2, 3)
    for images, reason in (
        (fine[:, :, :8], "shape"),
        (fine[0], "shape"),
        (fine[:0], "zero-size"),
        (fine + 255, "range"),
        (fine * np.float32("nan"), "not-finite"),
    ):
        with pytest.raises(ImageReadError) as caught:
            predictor.logits(images)
        assert caught.value.reason == reason


class BrokenFilm:
    """A file object that fails as nothing we know of does."""

    def read(self, size: int = -1) -> bytes:
        del size
        raise OSError(5, "Input/output error", "/archive/DOE^JANE/1.dcm")


@pytest.mark.parametrize("workers", [0, 1])
def test_what_nobody_thought_of_costs_one_input_and_tells_no_path(predictor: Predictor, workers: int) -> None:
    inputs = [BrokenFilm(), "no image", 17, bundles.png(1)]
    found = list(predictor.predict(inputs, workers=workers))  # type: ignore[arg-type]
    assert [one.status for one in found] == ["error", "error", "error", "ok"]
    assert found[0].reasons[0].startswith("failed: <input 0>: OSError: Input/output error; ")
    assert found[1].reasons[0].startswith("missing: no image: ")


def test_open_files_are_read_here_when_processes_decode(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(bundles.png(1))
    with (tmp_path / "film.png").open("rb") as stream:
        assert next(iter(predictor.predict([stream], workers=1))).status == "ok"


def test_a_missing_part_of_the_program_ends_the_run(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BundleError("weights are missing")

    monkeypatch.setattr("covidcxr.inference.decoding.read", broken)
    with pytest.raises(BundleError, match="weights are missing"):
        predictor.predict_one(bundles.png(1))


def test_a_film_may_be_named_by_a_string_and_come_in_any_bytes(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(bundles.png(5))
    found = list(predictor.predict([str(path), path, bytearray(bundles.png(5))]))
    assert [one.record_id for one in found] == [str(path), str(path), "<input 2>"]
    assert len({one.probabilities.tobytes() for one in found if one.probabilities is not None}) == 1


def test_many_dicom_films_are_decoded_in_processes_with_the_same_results(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_FEW", 2)
    started = []
    start = decoding._processes
    monkeypatch.setattr(decoding, "_processes", lambda number: started.append(number) or start(number))
    inputs = [
        films.dicom(bundles.film(number).astype(int)) if number % 3 else bundles.png(number) for number in range(9)
    ]
    assert same(list(predictor.predict(inputs)), list(predictor.predict(inputs, workers=None)))
    assert len(started) == 1
    list(predictor.predict(inputs[:4], workers=None))
    assert len(started) == 1


def test_lungs_that_the_gate_found_are_not_looked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bundles.tiny_bundle(tmp_path / "bundle")
    region = made.info.preprocess.model_copy(update={"region": "lungs"})
    folder = update_info(made, made.info.model_copy(update={"preprocess": region})).folder
    field = np.zeros((40, 40), bool)
    field[10:30, 5:35] = True
    lungs = LungFields(right=field, left=field, confidence=1.0, found=True, box=(5, 10, 30, 20))
    monkeypatch.setattr(
        "covidcxr.imaging.gate.gate.gate_film", lambda film: GateResult(origin=film.origin, verdict="ok", lungs=lungs)
    )
    looked = []
    monkeypatch.setattr("covidcxr.imaging.lungs.region.segment_lungs", lambda pixels: looked.append(1) or lungs)
    gated = Predictor.load(folder, gated=True).predict_one(bundles.png(1))
    assert not looked
    free = Predictor.load(folder, gated=False).predict_one(bundles.png(1))
    assert looked == [1]
    np.testing.assert_array_equal(gated.probabilities, free.probabilities)


@pytest.mark.parametrize("is_rounded", [False, True])
def test_the_gate_is_rounded_where_the_backend_is(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, is_rounded: bool
) -> None:
    found = []

    def look(film: Radiograph) -> GateResult:
        found.append(small_network._bfloat16.get())
        return GateResult(origin=film.origin, verdict="ok")

    monkeypatch.setattr("covidcxr.imaging.gate.gate.gate_film", look)
    predictor = Predictor.load(bundle.folder, gated=True)
    monkeypatch.setattr(predictor.backend, "is_rounded", is_rounded)
    assert predictor.predict_one(bundles.png(1)).status == "ok"
    assert found == [is_rounded]
    assert not small_network._bfloat16.get()


SETS = {"0.90": dict.fromkeys(bundles.CLASSES, 0.9)}


def test_a_set_of_several_classes_is_no_label(tmp_path: Path) -> None:
    plain = bundles.tiny_bundle(tmp_path / "plain", gain=40.0)
    careful = bundles.tiny_bundle(tmp_path / "careful", gain=40.0, conformal=SETS)
    inputs = [bundles.png(number) for number in range(20)]
    before, after = (list(Predictor.load(one.folder).predict(inputs)) for one in (plain, careful))
    assert {one.status for one in before} == {"ok"}
    assert {one.status for one in after} == {"ok", "abstain"}
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        if other.status == "ok":
            assert (other.label, other.prediction_set, other.reasons) == (one.label, (one.label,), ())
        else:
            assert other.label is None
            assert len(other.prediction_set) > 1
            assert other.reasons[0].startswith("undecided: the set that holds the true class of 90% of cases holds ")


def test_warnings_of_the_reader_travel_with_the_result(predictor: Predictor) -> None:
    radiograph = Radiograph(pixels=np.zeros((9, 9), np.float32), origin="film", warnings=("overlay left out",))
    assert predictor.predict_one(radiograph).warnings == ("overlay left out",)


def test_bf16_stays_near_fp32(bundle: Bundle) -> None:
    inputs = [bundles.png(number) for number in range(6)]
    exact = list(Predictor.load(bundle.folder).predict(inputs))
    half = list(Predictor.load(bundle.folder, precision="bf16").predict(inputs))
    for one, other in zip(exact, half, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=0.05)


def test_an_altered_bundle_is_refused(tmp_path: Path) -> None:
    bundle = bundles.tiny_bundle(tmp_path / "bundle")
    weights = bundle.folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BundleError, match="altered or damaged"):
        Predictor.load(bundle.folder)


def test_what_cannot_run_it_is_refused_by_name(bundle: Bundle) -> None:
    with pytest.raises(RegistryError, match="onnxruntime"):
        Predictor.load(bundle.folder, backend="onnx-runtime")
    with pytest.raises(BundleError, match=r"no model\.onnx; run: covidcxr export"):
        Predictor.load(bundle.folder, backend="onnxruntime")
    with pytest.raises(BundleError, match="device 'tpu' is not available"):
        Predictor.load(bundle.folder, device="tpu")


def test_it_says_what_it_runs_on(predictor: Predictor) -> None:
    assert predictor.device.startswith("cpu (fp32, torch 2.")


def test_the_module_does_not_import_torch() -> None:
    code = "import sys; import covidcxr.inference.predictor as p; p.BACKENDS.names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_gated_predictor_refuses_warns_and_judges(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = {"a": "ok", "b": "warn", "c": "refuse"}

    def answer(film: Radiograph) -> GateResult:
        verdict = verdicts[film.origin]
        reasons = (GateReason(name="few-pixels", verdict=verdict, detail="small"),) if verdict != "ok" else ()
        return GateResult(origin=film.origin, verdict=verdict, reasons=reasons)

    monkeypatch.setattr("covidcxr.imaging.gate.gate.gate_film", answer)
    inputs = [bundles.png(number) for number in range(3)]
    free = list(Predictor.load(bundle.folder).predict(inputs, verdicts))
    gated = list(Predictor.load(bundle.folder, gated=True).predict(inputs, verdicts))
    assert [one.status for one in free] == ["ok", "ok", "ok"]
    assert [one.status for one in gated] == ["ok", "ok", "refuse"]
    assert gated[1].warnings == ("few-pixels: small",)
    assert (gated[2].reasons, gated[2].probabilities) == (("few-pixels: small",), None)


def test_the_gate_is_on_unless_the_bundle_knows_only_phantoms(tmp_path: Path) -> None:
    real = bundles.tiny_bundle(tmp_path / "real", synthetic=False).folder
    refused = Predictor.load(real).predict_one(bundles.png(1))
    assert (refused.status, refused.probabilities) == ("refuse", None)
    assert Predictor.load(real, gated=False).predict_one(bundles.png(1)).status == "ok"
    assert not Predictor.load(bundles.tiny_bundle(tmp_path / "phantoms").folder).gated


def test_a_gate_without_its_weights_stops_everything_and_is_never_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bundles.tiny_bundle(tmp_path / "real", synthetic=False).folder
    gate_kinds.shipped_network.cache_clear()
    monkeypatch.setattr(gate_kinds, "_SHIPPED", tmp_path / "nothing")
    try:
        with pytest.raises(BundleError, match=r"gate\.json.*install covidcxr again"):
            Predictor.load(real)
        assert run_command(["predict", str(real), "film.png"]) == 2
    finally:
        gate_kinds.shipped_network.cache_clear()


def test_the_reader_doubts_reach_the_prediction_once(bundle: Bundle) -> None:
    pixels = draw_film(np.random.default_rng(3), "normal", size=300)
    deep = films.encode(pixels.astype(np.uint16) * 16, "PNG")
    for is_gated in (True, False):
        found = Predictor.load(bundle.folder, gated=is_gated).predict_one(deep, "film")
        assert found.status == "ok"
        assert sum("16 bits are stated and 12 used" in one for one in found.warnings) == 1
