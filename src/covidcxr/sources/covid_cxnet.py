"""covid-cxnet (Haghanifar 2020): frontal images of PCR-positive patients collected from many places, without metadata.

Layout: ``chest_xray_images/covid19/<number>.<ending>`` and, for those who have them, further class folders beside it
(``normal``). Nothing tells patients apart, and many images are also in covid-chestxray-dataset and in the Hannover
repository: only the duplicate search keeps them out of two splits.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from covidcxr.core.labels import find_label
from covidcxr.core.types import Exclusion, Record
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.plan import FetchPlan, github_archive
from covidcxr.sources.source import Source, SourceInfo, SourceListing, folder_version, listing, refused_problems

_COMMIT = "d3242e306b67e2e208c662723959dd1b99445336"
_IMAGES = "chest_xray_images"


@SOURCES.register("covid-cxnet")
class CovidCxnet(Source):
    """Reader of the image collection of COVID-CXNet."""

    info = SourceInfo(
        name="covid-cxnet",
        title="COVID-CXNet chest X-ray collection (Haghanifar et al.)",
        folders=("covid-cxnet", "COVID-CXNet", "Covid19-Detection"),
        layout="chest_xray_images/ with covid19/",
        licence="MIT for the repository; the films keep the terms of the places they come from",
        citation=(
            "A. Haghanifar, M. Molahasani Majdabadi, Y. Choi, S. Deivalakshmi, S. Ko. COVID-CXNet: Detecting COVID-19 "
            "in Frontal Chest X-ray Images using Deep Learning. arXiv:2006.13807, 2020."
        ),
        homepage="https://github.com/armiro/COVID-CXNet",
    )
    plan = FetchPlan(
        version=f"commit {_COMMIT}",
        archives=(github_archive("armiro/COVID-CXNet", _COMMIT, (_IMAGES,)),),
        note="from GitHub, which cannot resume an archive",
    )

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has the COVID-19 images."""
        return (folder / _IMAGES / "covid19").is_dir()

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        files = ImageFolder(folder, (_IMAGES,))
        problems = refused_problems(self, files)
        records = []
        for name in files.names:
            found = self._record(files, name)
            if isinstance(found, Record):
                records.append(found)
            else:
                problems.append(found)
        return listing(self, records, problems, version=folder_version(folder), num_rows=0, files=files)

    def _record(self, files: ImageFolder, name: str) -> Record | Exclusion:
        parts = PurePosixPath(name).parts
        label = find_label(parts[1]) if len(parts) == 3 else None
        if label is None:
            return self.problem("no-metadata", files.key(name), name, "lies in no class folder of the release")
        return Record(
            record_id=f"{self.info.name}:{files.key(name)}",
            source=self.info.name,
            path=files.path(name),
            modality="DX",
            finding=parts[1],
            label=label,
            licence=self.info.licence,
            url=self.info.homepage,
            notes="patient not stated; collected as frontal",
        )
