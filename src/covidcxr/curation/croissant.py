"""croissant.json: the dataset as MLCommons Croissant 1.0 metadata, which mlcroissant loads and iterates.

The JSON-LD is written by hand, so that compiling does not need mlcroissant; a test loads it with mlcroissant.
Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.core.types import Manifest
from covidcxr.dataset.manifest import MANIFEST_FILE
from covidcxr.dataset.tables import MANIFEST_COLUMNS

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"age_years": "sc:Float", "day_offset": "sc:Float", "rows": "sc:Integer", "columns": "sc:Integer"}
_DESCRIPTIONS = {
    "record_id": "source:key of the image in its public source",
    "file_name": "Name of the image file; unique in the dataset",
    "path": "The image, relative to the dataset's folder",
    "patient_id": "Patient, scoped to the source; empty if unknown",
    "group_id": "Patient joined with near-duplicates; in one split only",
    "label": "Class in this dataset",
    "finding": "Diagnosis in the source's own words",
    "licence": "Licence of the image as its source states it",
    "sha256": "SHA-256 of the source file",
    "phash": "64-bit perceptual hash of the image, hexadecimal",
}


def croissant(
    manifest: Manifest,
    *,
    name: str,
    title: str,
    manifest_sha256: str,
    licences: Sequence[str],
    citations: Sequence[str],
    homepages: Sequence[str],
    biases: Sequence[str],
) -> Mapping[str, Any]:
    """Return the JSON-LD document; paths in it are relative to the dataset's folder."""
    banner = f"{SYNTHETIC_NOTICE} " if manifest.synthetic else ""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "description": f"{banner}{title}. {len(manifest.samples)} chest radiographs, compiled by covidcxr. {NOTICE}",
        "citeAs": " ".join(citations),
        "license": list(licences),
        "url": homepages[0] if homepages else "https://github.com/ieee8023/covid-chestxray-dataset",
        "isBasedOn": list(homepages),
        "version": "1.0.0",
        "identifier": f"sha256:{manifest.digest}",
        "isLiveDataset": False,
        "rai:dataBiases": list(biases),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "manifest",
                "name": "manifest",
                "contentUrl": MANIFEST_FILE,
                "encodingFormat": "text/csv",
                "sha256": manifest_sha256,
            },
            {
                "@type": "cr:FileSet",
                "@id": "image-files",
                "name": "image-files",
                "description": "8-bit gray JPEG images in folders by split and class",
                "encodingFormat": "image/jpeg",
                "includes": "images/*/*/*.jpg",
            },
        ],
        "recordSet": [_samples_record_set()],
    }


def _samples_record_set() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "description": "One record an image: the row of manifest.csv and the image itself.",
        "key": {"@id": "samples/path"},
        "field": [*(_column(column) for column in MANIFEST_COLUMNS), _image_field()],
    }


def _column(column: str) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"samples/{column}",
        "name": column,
        "description": _DESCRIPTIONS.get(column, column.replace("_", " ")),
        "dataType": _TYPES.get(column, "sc:Text"),
        "source": {"fileObject": {"@id": "manifest"}, "extract": {"column": column}},
    }
    if column == "file_name":  # unique; mlcroissant 1.1 cannot join by fullpath, and joins a record set only once
        field["references"] = {"fileSet": {"@id": "image-files"}, "extract": {"fileProperty": "filename"}}
    return field


def _image_field() -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": "samples/image",
        "name": "image",
        "description": "The radiograph",
        "dataType": "sc:ImageObject",
        "source": {"fileSet": {"@id": "image-files"}, "extract": {"fileProperty": "content"}},
    }
