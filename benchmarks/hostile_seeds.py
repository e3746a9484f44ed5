"""Sound image files of every encoding, ways to damage them, and files that announce more than they hold."""

from __future__ import annotations

import gzip
import io
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import gdcm
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from covidcxr.sources.phantom_films import draw_film

_SIDE = 160
_GDCM = {
    "lossless": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "ls": gdcm.TransferSyntax.JPEGLSLossless,
    "extended": gdcm.TransferSyntax.JPEGExtendedProcess2_4,
}
_SAMPLES = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "JPGLosslessP14SV1_1s_1f_8b.dcm",
    "693_J2KI.dcm",
    "examples_palette.dcm",
)


def seeds() -> dict[str, bytes]:
    """Return a sound file of each encoding, by name."""
    film = draw_film(np.random.default_rng(7), "covid", size=_SIDE)
    deep = film.astype(np.uint16) * 257
    deep[::7, ::5] += 3
    twelve = film.astype(np.uint16) * 16 + 5
    colour = np.repeat(film[..., None], 3, axis=2)
    found = {
        "png": _raster(film, "PNG"),
        "png 16": cv2.imencode(".png", deep)[1].tobytes(),
        "png colour 16": cv2.imencode(".png", np.repeat(deep[..., None], 3, axis=2))[1].tobytes(),
        "jpeg": _raster(film, "JPEG", quality=92),
        "jpeg colour": _raster(colour, "JPEG", quality=92),
        "jpeg progressive": _raster(film, "JPEG", quality=92, progressive=True),
        "jpeg cmyk": _raster(film, "JPEG", mode="CMYK", quality=92),
        "tiff": _raster(film, "TIFF"),
        "tiff deflate": _raster(film, "TIFF", compression="tiff_adobe_deflate"),
        "tiff lzw": _raster(film, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": _raster(film, "TIFF", compression="jpeg"),
        "tiff 16": _raster(deep, "TIFF"),
        "bmp": _raster(film, "BMP"),
        "gif": _raster(film, "GIF"),
        "webp": _raster(film, "WebP", quality=90),
        "avif": _raster(film, "AVIF", quality=90),
        "jpeg 2000": _raster(film, "JPEG2000"),
        "nifti": _nifti(twelve),
        "nifti packed": gzip.compress(_nifti(twelve), mtime=0),
        "dicom": _dicom(twelve, ExplicitVRLittleEndian),
        "dicom without window": _dicom(twelve, ExplicitVRLittleEndian, window=False),
        "dicom big endian": _dicom(twelve, ExplicitVRBigEndian),
        "dicom rle": _dicom(twelve, RLELossless),
        "dicom jpeg 2000": _dicom(twelve, JPEG2000Lossless),
    }
    plain = _dicom(twelve, ExplicitVRLittleEndian)
    found |= {f"dicom jpeg {name}": _gdcm(plain, syntax) for name, syntax in _GDCM.items()}
    for name in _SAMPLES:
        path = get_testdata_file(name, download=False)
        if path is not None:
            found[f"pydicom {name}"] = Path(str(path)).read_bytes()
    return found


def mutants(data: bytes, generator: np.random.Generator, number: int) -> Iterator[tuple[str, bytes]]:
    """Yield so many damaged copies of a file, each with the name of its damage, in turn of each kind."""
    kinds = ("cut short", "bits flipped", "hole", "bytes lost", "bytes doubled", "header changed", "noise")
    for turn in range(number):
        kind = kinds[turn % len(kinds)]
        if data[128:132] == b"DICM" and turn % 3 == 0:
            changed = _contradiction(data, generator)
            if changed is not None:
                yield changed
                continue
        yield kind, _damaged(data, kind, generator)


def _damaged(data: bytes, kind: str, generator: np.random.Generator) -> bytes:
    changed = bytearray(data)
    head = min(len(data) // 4, 700)
    start = int(generator.integers(head, len(data) - 2))
    length = int(generator.integers(1, 200))
    if kind == "cut short":
        return data[:start]
    if kind == "bits flipped":
        for place in generator.integers(head, len(data), int(generator.integers(1, 12))):
            changed[place] ^= 1 << int(generator.integers(8))
    elif kind == "hole":
        changed[start : start + length] = bytes(len(changed[start : start + length]))
    elif kind == "bytes lost":
        del changed[start : start + length]
    elif kind == "bytes doubled":
        changed[start:start] = changed[start : start + length]
    elif kind == "header changed":
        for place in generator.integers(0, min(len(data), 900), 3):
            changed[place] = int(generator.choice([0, 1, 0x7F, 0x80, 0xFF, int(generator.integers(256))]))
    else:
        changed[start : start + length] = generator.bytes(len(changed[start : start + length]))
    return bytes(changed)


def _contradiction(data: bytes, generator: np.random.Generator) -> tuple[str, bytes] | None:
    """Return a DICOM file whose header says other than its pixels; None if its data set cannot be written again."""
    changes: tuple[tuple[str, object], ...] = (
        ("BitsStored", int(generator.integers(1, 17))),
        ("HighBit", int(generator.integers(0, 16))),
        ("PixelRepresentation", 1),
        ("Rows", int(generator.integers(1, 400))),
        ("Columns", int(generator.integers(1, 400))),
        ("BitsAllocated", int(generator.choice([1, 8, 16, 32, 64]))),
        ("SamplesPerPixel", int(generator.integers(0, 5))),
        ("NumberOfFrames", int(generator.integers(2, 1000))),
        ("RescaleSlope", str(generator.choice(["0", "1e308", "-1", "1e-320"]))),
        ("WindowWidth", str(generator.choice(["0", "-5", "1e-300", "1e300"]))),
    )
    keyword, value = changes[int(generator.integers(len(changes)))]
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
        setattr(dataset, keyword, value)
        stream = io.BytesIO()
        dataset.save_as(stream)
    except Exception:
        return None
    return f"header says other {keyword}", stream.getvalue()


def oversized() -> Iterator[tuple[str, bytes]]:
    """Yield small files that announce or inflate to 9,900 x 9,900 pixels and more."""
    for side in (9_900, 60_000):
        for depth, colour in ((1, 0), (8, 0), (16, 0), (8, 2), (16, 6)):
            yield f"png of {side} in {depth} bits, colour {colour}", _png_header(side, depth, colour)
        small = _dicom(np.zeros((16, 16), np.uint16), RLELossless)
        yield f"dicom rle of {side}", _announcing(small, min(side, 65_535))
        header = _nifti(np.zeros((1, 1), np.uint16), sides=(min(side, 32_767),) * 2, code=768)
        yield f"nifti packed of {side}", gzip.compress(header + bytes(1 << 24), mtime=0)
    zeros = np.zeros((9_900, 9_900), np.uint8)
    yield "jpeg of 9,900", cv2.imencode(".jpg", zeros)[1].tobytes()
    yield "png of 9,900", cv2.imencode(".png", zeros)[1].tobytes()
    yield "tiff deflate of 9,900", _raster(zeros, "TIFF", compression="tiff_adobe_deflate")
    yield "gif of 9,900", _raster(zeros, "GIF")
    yield "jpeg 2000 of 9,900", _raster(zeros, "JPEG2000")


def _png_header(side: int, depth: int, colour: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1 << 24), 9)) + chunk(b"IEND", b"")


def _announcing(data: bytes, side: int) -> bytes:
    for element in (b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x11\x00US\x02\x00"):
        place = data.index(element) + len(element)
        data = data[:place] + struct.pack("<H", side) + data[place + 2 :]
    return data


def _raster(pixels: NDArray[np.generic], file_format: str, *, mode: str = "", **options: object) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, file_format, **options)
    return stream.getvalue()


def _nifti(pixels: NDArray[np.uint16], *, sides: tuple[int, int] | None = None, code: int = 512) -> bytes:
    header = bytearray(352)
    rows, columns = sides or pixels.shape
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 2, columns, rows, 1, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, 16)
    struct.pack_into("<8f", header, 76, *[1.0] * 8)
    struct.pack_into("<f", header, 108, 352.0)
    header[344:348] = b"n+1\0"
    return bytes(header) + pixels.astype("<u2").tobytes()


def _dicom(pixels: NDArray[np.uint16], syntax: UID, *, window: bool = True) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.1")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.5")
    dataset.SOPClassUID, dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPClassUID, "1.2.3.4.5"
    dataset.Modality, dataset.SamplesPerPixel, dataset.PhotometricInterpretation = "DX", 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    if window:
        dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    dataset.PixelData = pixels.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax.is_encapsulated:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        plugin = "pydicom" if syntax == RLELossless else "pylibjpeg"
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _gdcm(data: bytes, syntax: int) -> bytes:
    """Return a DICOM file compressed by GDCM."""
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "plain.dcm", Path(folder) / "packed.dcm"
        plain.write_bytes(data)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(plain))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(packed))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return packed.read_bytes()
