"""Computed images and the files that hold them, for the tests of imaging and inference."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

NATIVE = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big-endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
COMPRESSED = {
    "rle": RLELossless,
    "jpeg2000": JPEG2000Lossless,
    "jpeg-lossless": JPEGLosslessSV1,
    "jpeg-ls": JPEGLSLossless,
}
SYNTAXES = NATIVE | COMPRESSED
_GDCM_SYNTAXES = {
    JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    JPEGLSLossless: gdcm.TransferSyntax.JPEGLSLossless,
}
DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def film(rows: int = 48, columns: int = 40) -> np.ndarray:
    """Return a chest-like uint8 (rows, columns) image that uses every level from 0 to 255 or nearly so."""
    y, x = np.mgrid[0:rows, 0:columns]
    ramp = 255.0 * (x + y) / (rows + columns - 2)
    lungs = sum(np.exp(-(((x / columns - c) / 0.13) ** 2 + ((y / rows - 0.5) / 0.3) ** 2)) for c in (0.3, 0.7))
    return np.clip(np.rint(ramp * (1.0 - 0.6 * lungs)), 0, 255).astype(np.uint8)


def encode(pixels: np.ndarray, file_format: str, **options: Any) -> bytes:
    """Return the bytes Pillow writes for ``pixels``."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, file_format, **options)
    return stream.getvalue()


def scaled(levels: np.ndarray, bits: int, *, signed: bool = False) -> np.ndarray:
    """Spread uint8 levels over ``bits`` bits, as int64; signed values start at the lowest negative one."""
    values = np.rint(levels.astype(np.float64) / 255.0 * ((1 << bits) - 1)).astype(np.int64)
    return values - (1 << (bits - 1)) if signed else values


def dicom(
    stored: np.ndarray,
    *,
    bits: int = 8,
    photometric: str = "MONOCHROME2",
    syntax: UID = ExplicitVRLittleEndian,
    signed: bool = False,
    allocated: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> bytes:
    """Return a DICOM file of (H, W), (H, W, 3) or, with NumberOfFrames in ``attributes``, (F, H, W) stored values."""
    allocated = allocated or (8 if bits <= 8 else 16)
    dataset = _header(stored, photometric, attributes or {}, bits=bits, allocated=allocated, signed=signed)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    cells = (stored & ((1 << allocated) - 1)).astype(f"{order}u{allocated // 8}")
    data = cells.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if allocated > 8 else "OB"
    if syntax in _GDCM_SYNTAXES:
        return _gdcm_compress(to_bytes(dataset, ExplicitVRLittleEndian), _GDCM_SYNTAXES[syntax])
    if syntax in (RLELossless, JPEG2000Lossless):
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        plugin = "pydicom" if syntax == RLELossless else "pylibjpeg"
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    return to_bytes(dataset, syntax)


def jpeg_dicom(levels: np.ndarray, *, quality: int = 95, attributes: Mapping[str, Any] | None = None) -> bytes:
    """Return a MONOCHROME2 DICOM file whose frame is a baseline JPEG made by Pillow."""
    dataset = _header(levels, "MONOCHROME2", attributes or {}, bits=8, allocated=8, signed=False)
    dataset.PixelData = encapsulate([encode(levels, "JPEG", quality=quality)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return to_bytes(dataset, JPEGBaseline8Bit)


def to_bytes(dataset: Dataset, syntax: UID) -> bytes:
    """Write a data set as a PS3.10 file."""
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _header(
    stored: np.ndarray, photometric: str, attributes: Mapping[str, Any], *, bits: int, allocated: int, signed: bool
) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(DIGITAL_XRAY)
    meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.5")
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID = DIGITAL_XRAY
    dataset.SOPInstanceUID = "1.2.3.4.5"
    dataset.Modality = "DX"
    dataset.PatientID = "SECRET-17"
    dataset.SamplesPerPixel = 3 if stored.ndim == 3 and stored.shape[-1] == 3 else 1
    dataset.PhotometricInterpretation = photometric
    frame = stored if "NumberOfFrames" not in attributes else stored[0]
    dataset.Rows, dataset.Columns = frame.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def _gdcm_compress(data: bytes, syntax: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "plain.dcm", Path(folder) / "packed.dcm"
        plain.write_bytes(data)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(plain))
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        if not reader.Read():
            raise RuntimeError("gdcm cannot read the plain image")
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise RuntimeError("gdcm cannot compress the image")
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(packed))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        if not writer.Write():
            raise RuntimeError("gdcm cannot write the image")
        return packed.read_bytes()
