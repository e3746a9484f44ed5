"""Synthetic chest phantoms in the native layout, names and metadata files of the public sources.

They let every step run, and be tested, where no real data are at hand. The root carries ``SYNTHETIC.txt``, which
``lookup.is_synthetic`` looks for; how an image is drawn is known to ``phantom_films``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from covidcxr.core.artefacts import atomic_directory, writing_to
from covidcxr.core.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from covidcxr.sources.phantom_films import Kind

SYNTHETIC_MARKER = "SYNTHETIC.txt"
_MARKER_TEXT = """These images are synthetic chest phantoms, computed by covidcxr.
They show no patient, and no result obtained with them says anything about real radiographs.
"""

COVID_CHESTXRAY_HEADER = (
    "patientid,offset,sex,age,finding,survival,intubated,intubation_present,went_icu,in_icu,needed_supplemental_O2,"
    "extubated,temperature,pO2_saturation,leukocyte_count,neutrophil_count,lymphocyte_count,view,modality,date,location,"
    "folder,filename,doi,url,license,clinical_notes,other_notes,"
)
FIGURE1_HEADER = (
    "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality,artifacts/distortion,notes"
)
ACTUALMED_HEADER = (
    "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality,imagename,"
    "artifacts/distortion,notes"
)
NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


SIIM_STUDY_HEADER = (
    "id,Negative for Pneumonia,Typical Appearance,Indeterminate Appearance,Atypical Appearance"  # as Kaggle has them
)
SIIM_IMAGE_HEADER = "id,boxes,label,StudyInstanceUID"


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """One image file to write: what it shows, where, and as which Pillow mode and format."""

    kind: Kind
    path: str
    mode: str = "L"
    file_format: str | None = None


def write_phantom_sources(
    root: Path,
    *,
    seed: int = 2020,
    num_covid: int = 24,
    num_normal: int = 24,
    num_pneumonia: int = 24,
    size: int = 256,
    traps: bool = True,
    progress: Progress = SILENT,
) -> Path:
    """Write seven synthetic source folders below ``root`` (replaced as a whole) and return it.

    Frontal COVID-19 images are divided over covid-chestxray-dataset (3/5), Figure1 and Actualmed (1/5 each);
    chest-xray-pneumonia holds ``num_normal`` and ``num_pneumonia`` images, a quarter of them in ``test``; a quarter
    as many again, of adults, are in nih-chest-xray14. Beyond those counts, siim-covid19 has every appearance, with
    boxes, and radiography-database COVID-19 and normal images without their sheets. With ``traps`` there are also
    lateral views, CT slices, a volume, a row without its file and a file without its row, as in the real releases.
    File formats (gray, colour, palette, alpha, 16 bit, PNG named .jpg) vary as they do there. The same arguments give
    the same pixels and metadata.

    Raises:
        OutputError: If ``root`` cannot be written.
    """
    import numpy as np

    with atomic_directory(root) as folder:
        (folder / SYNTHETIC_MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
        films = [
            *_covid_chestxray(folder / "covid-chestxray-dataset", num_covid - 2 * (num_covid // 5), traps=traps),
            *_figure1(folder / "Figure1-COVID-chestxray-dataset", num_covid // 5),
            *_actualmed(folder / "Actualmed-COVID-chestxray-dataset", num_covid // 5),
            *_chest_xray_pneumonia(folder / "chest-xray-pneumonia", num_normal, num_pneumonia),
            *_nih(folder / "nih-chest-xray14", num_normal // 4, num_pneumonia // 4),
            *_siim(folder / "siim-covid19-detection", num_covid // 4, num_normal // 4),
            *_radiography(folder / "COVID-19_Radiography_Dataset", num_covid // 8, num_normal // 8),
        ]
        for index, film in enumerate(progress.track(films, total=len(films), label="drawing phantoms")):
            _write_film(folder / film.path, film, np.random.default_rng([seed, index]), size)
    return root


def _write_film(path: Path, film: Film, generator: np.random.Generator, size: int) -> None:
    from PIL import Image

    from covidcxr.sources.phantom_films import draw_film

    pixels = draw_film(generator, film.kind, size=size)
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _as_mode(Image.fromarray(pixels), film.mode).save(path, format=film.file_format)


def _as_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        import numpy as np
        from PIL import Image

        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    return image if mode == "L" else image.convert(mode)


def _covid_chestxray(folder: Path, num_covid: int, *, traps: bool) -> Iterator[Film]:
    views = ("PA", "AP", "AP Supine")
    forms = (("png", "L", None), ("jpg", "L", None), ("png", "P", None), ("png", "RGBA", None), ("jpg", "RGB", "PNG"))
    rows = []
    for index in range(num_covid):
        suffix, mode, file_format = forms[index % len(forms)]
        name = f"phantom-{index:05d}.v{index % 3}@fig1.{suffix}"
        finding = "COVID-19, ARDS" if index % 7 == 6 else "COVID-19"
        rows.append(_covid_row(index // 2, finding, views[index % 3], name, index))
        yield Film(kind="covid", path=f"{folder.name}/images/{name}", mode=mode, file_format=file_format)
    if traps:
        extra: Sequence[tuple[Kind, str, str, str]] = (
            ("lateral", "L", "X-ray", "phantom-lateral.png"),
            ("ct", "Axial", "CT", "phantom-axial.png"),
            ("ct", "Coronal", "CT", "phantom-coronal.jpg"),
        )
        for kind, view, modality, name in extra:
            rows.append({**_covid_row(0, "COVID-19", view, name, 0), "modality": modality})
            yield Film(kind=kind, path=f"{folder.name}/images/{name}")
        rows.append(
            {**_covid_row(1, "COVID-19", "Axial", "phantom-volume.nii.gz", 1), "folder": "volumes", "modality": "CT"}
        )
        rows.append(_covid_row(1, "COVID-19", "PA", "phantom-missing.png", 1))
        rows.append({**_covid_row(900, "todo", "?", "phantom-todo.png", 2), "": "text spilled from other_notes"})
        yield Film(kind="normal", path=f"{folder.name}/images/phantom-todo.png")
        yield Film(kind="normal", path=f"{folder.name}/images/phantom-unlisted.png")
    _write_csv(folder / "metadata.csv", COVID_CHESTXRAY_HEADER, rows)


def _covid_row(patient: int, finding: str, view: str, name: str, index: int) -> dict[str, str]:
    return {
        "patientid": f"{patient}",
        "offset": ("0", "3", "", "-2")[index % 4],
        "sex": ("M", "F", "")[patient % 3],
        "age": ("65", "50", "")[patient % 3],
        "finding": finding,
        "view": view,
        "modality": "X-ray",
        "folder": "images",
        "filename": name,
        "license": "synthetic",
        "clinical_notes": 'Computed, "not" a patient; no fever, no cough',
    }


def _figure1(folder: Path, num_covid: int) -> Iterator[Film]:
    rows = []
    for index in range(num_covid):
        patient = f"COVID-{index // 2 + 1:05d}" + "ab"[index % 2]
        age = ("50+", "mid 50s", "42", "")[index // 2 % 4]
        values = (patient, "5", "M", age, "COVID-19", "", "38°", "92", ("", "AP erect", "PA")[index % 3], "X-ray", "")
        rows.append(dict(zip(FIGURE1_HEADER.split(","), (*values, "Low 90’s, improved; computed"), strict=True)))
        yield Film(kind="covid", path=f"{folder.name}/images/{patient}.{('jpg', 'png')[index % 2]}")
    _write_csv(folder / "metadata.csv", FIGURE1_HEADER, rows, encoding="cp1252")


def _actualmed(folder: Path, num_covid: int) -> Iterator[Film]:
    rows = []
    findings = ["COVID-19"] * num_covid + ["No finding", ""]
    for index, finding in enumerate(findings):
        name = f"CR.1.2.826.0.1.3680043.10.543.{20200313 + index}.{index}.png"
        row = {
            "patientid": f"ANON{index + 1}",
            "finding": finding,
            "view": ("PA", "AP")[index % 2],
            "modality": "X-ray",
        }
        rows.append({**row, "imagename": name, "notes": ", date taken (YYYYMMDD): 20200313"})
        mode = "I;16" if index % 4 == 3 else "RGB"
        yield Film(kind="covid" if finding == "COVID-19" else "normal", path=f"{folder.name}/images/{name}", mode=mode)
    _write_csv(folder / "metadata.csv", ACTUALMED_HEADER, rows, line_end="\r\n")


def _chest_xray_pneumonia(folder: Path, num_normal: int, num_pneumonia: int) -> Iterator[Film]:
    for split in ("train", "test", "val"):
        for label in ("NORMAL", "PNEUMONIA"):
            (folder / split / label).mkdir(parents=True, exist_ok=True)
    for index in range(num_normal):
        split = "test" if index % 4 == 3 else "train"
        prefix = "NORMAL2-IM" if index % 2 else "IM"
        yield Film(kind="normal", path=f"{folder.name}/{split}/NORMAL/{prefix}-{index + 100:04d}-0001.jpeg")
    for index in range(num_pneumonia):
        patient = index // 2  # two images each; a number occurs with both types, and so in train and in test
        split = "test" if patient % 4 == 3 else "train"
        name = f"person{patient // 2 + 1}_{('bacteria', 'virus')[patient % 2]}_{index + 1}.jpeg"
        yield Film(kind="pneumonia", path=f"{folder.name}/{split}/PNEUMONIA/{name}")


def _nih(folder: Path, num_normal: int, num_pneumonia: int) -> Iterator[Film]:
    rows = []
    findings = ["No Finding"] * num_normal + ["Infiltration|Pneumonia"] * num_pneumonia
    for index, finding in enumerate(findings):
        patient, follow_up = 1000 + index // 2, index % 2
        name = f"{patient:08d}_{follow_up:03d}.png"
        sex, view = "MF"[patient % 2], ("PA", "AP")[index % 2]
        values = (name, finding, follow_up, patient, 30 + patient % 40, sex, view, 2500, 2048, 0.168, 0.168)
        rows.append(dict(zip(NIH_HEADER.split(","), map(str, values), strict=True)))
        kind: Kind = "normal" if finding == "No Finding" else "pneumonia"
        yield Film(kind=kind, path=f"{folder.name}/images/{name}")
    _write_csv(folder / "Data_Entry_2017_v2020.csv", NIH_HEADER, rows)


def _siim(folder: Path, num_typical: int, num_negative: int) -> Iterator[Film]:
    """Yield images in the layout of the resized copies; two studies are indeterminate and atypical."""
    columns = SIIM_STUDY_HEADER.split(",")[1:]
    appearances = [*("Typical Appearance",) * num_typical, *("Negative for Pneumonia",) * num_negative, *columns[2:]]
    studies, images = [], []
    for index, appearance in enumerate(appearances):
        study, image = f"{index:012x}", f"{index + 1000:012x}"
        studies.append({"id": f"{study}_study", **{name: str(int(name == appearance)) for name in columns}})
        opaque = appearance != "Negative for Pneumonia"
        box = "[{'x': 12.5, 'y': 80.0, 'width': 60.0, 'height': 70.25}]" if opaque else ""
        label = "opacity 1 12.5 80.0 72.5 150.25" if opaque else "none 1 0 0 1 1"
        images.append({"id": f"{image}_image", "boxes": box, "label": label, "StudyInstanceUID": study})
        yield Film(kind="covid" if opaque else "normal", path=f"{folder.name}/train/{image}.jpg")
    _write_csv(folder / "train_study_level.csv", SIIM_STUDY_HEADER, studies)
    _write_csv(folder / "train_image_level.csv", SIIM_IMAGE_HEADER, images)
    sizes = [{"image_id": row["id"].removesuffix("_image"), "dim0": "256", "dim1": "256"} for row in images]
    _write_csv(folder / "meta.csv", "image_id,dim0,dim1", sizes)


def _radiography(folder: Path, num_covid: int, num_normal: int) -> Iterator[Film]:
    parts: tuple[tuple[Kind, str, int], ...] = (("covid", "COVID", num_covid), ("normal", "Normal", num_normal))
    for kind, part, number in parts:
        for index in range(max(2, number)):
            yield Film(kind=kind, path=f"{folder.name}/{part}/images/{part}-{index + 1}.png")


def _write_csv(
    path: Path, header: str, rows: Sequence[dict[str, str]], *, encoding: str = "utf-8", line_end: str = "\n"
) -> None:
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding=encoding, newline="") as stream:
            writer = csv.DictWriter(stream, header.split(","), restval="", lineterminator=line_end)
            writer.writeheader()
            writer.writerows(rows)
