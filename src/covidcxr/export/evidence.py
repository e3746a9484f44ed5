"""What lies beside an export: how near it is to its bundle, and the digests of its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from covidcxr.core.artefacts import write_text
from covidcxr.core.checksums import SUMS_FILE, checksum_lines, write_checksums
from covidcxr.core.digests import file_sha256
from covidcxr.core.notice import NOTICE
from covidcxr.core.version import release
from covidcxr.export.parity import Parity
from covidcxr.export.request import NO_GATE, TOLERANCE, ExportRequest
from covidcxr.models.bundle import Bundle

PARITY = "parity.json"


def parity_report(request: ExportRequest, parity: Parity) -> str:
    """Return the JSON of a ``parity.json``: which bundle and release, what was exported, and how near it is."""
    report: dict[str, Any] = {
        "bundle": request.bundle.bundle_id,
        "network": request.bundle.info.network.name,
        "classes": list(request.bundle.info.classes),
        "release": release(),
        "variant": request.variant,
        "input": request.input,
        "parity": parity.document(),
        "fp32_tolerance": TOLERANCE,
        "notice": f"{NOTICE} {NO_GATE}",
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def seal_folder(folder: Path, request: ExportRequest, parity: Parity) -> None:
    """Write parity.json into an export's folder, and SHA256SUMS over everything in it (`sha256sum --check`)."""
    write_text(folder / PARITY, parity_report(request, parity))
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    write_checksums(folder, names)


def seal_file(path: Path, request: ExportRequest, parity: Parity) -> None:
    """Write ``NAME.parity.json`` and ``NAME.SHA256SUMS`` beside an export that is one file."""
    report = path.with_name(f"{path.stem}.{PARITY}")
    write_text(report, parity_report(request, parity))
    sums = checksum_lines({one.name: file_sha256(one) for one in (path, report)})
    write_text(path.with_name(f"{path.stem}.{SUMS_FILE}"), sums)


def licence(bundle: Bundle) -> str:
    """Return the words on rights that travel with an export."""
    return (
        "The scripts and configurations of this export are part of covidcxr, licensed under the Apache License,\n"
        "Version 2.0: http://www.apache.org/licenses/LICENSE-2.0\n\n"
        f"The weights (bundle {bundle.bundle_id}) were trained on the images that the model card names, whose own\n"
        f"licences and terms of use apply.\n\n{NOTICE}\n{NO_GATE}\n"
    )
