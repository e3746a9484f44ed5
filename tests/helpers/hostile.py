"""Files made to break a reader, by family; each is a (name, bytes) pair, computed the same way every time."""

from __future__ import annotations

import gzip
import io
import itertools
import struct
import zipfile
from collections.abc import Callable, Iterator

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

import films
from crafted import (
    FILM,
    SEQUENCE_END,
    bmp_of,
    meta,
    nifti,
    noise,
    pixel_item,
    png_of,
    raster,
    whole_files,
    with_frame,
    with_items,
)

Files = Iterator[tuple[str, bytes]]


def truncated() -> Files:
    for name, data in whole_files().items():
        for tenth in range(1, 10):
            yield f"{name} cut at {tenth}/10", data[: len(data) * tenth // 10]
        yield f"{name} without its last byte", data[:-1]


def flipped() -> Files:
    rng = np.random.default_rng(7)
    for name, data in whole_files().items():
        for number in range(5):
            changed = np.frombuffer(data, np.uint8).copy()
            places = rng.integers(0, len(changed), size=1 + 4 * number)
            changed[places] ^= rng.integers(1, 256, size=len(places), dtype=np.uint8)
            yield f"{name} flipped {number}", changed.tobytes()


def wrong_lengths() -> Files:
    plain = films.dicom(FILM.astype(np.int64))
    position = plain.index(b"\xe0\x7f\x10\x00OB\0\0") + 8
    for length in (0, 1, 3, len(FILM.tobytes()) - 2, len(FILM.tobytes()) + 2, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF):
        yield f"PixelData of {length:#x}", plain[:position] + struct.pack("<I", length) + plain[position + 4 :]
    for tag, name in (
        (b"\x28\x00\x10\x00US", "Rows"),
        (b"\x28\x00\x04\x00CS", "Photometric"),
        (b"\x08\x00\x60\x00CS", "Modality"),
    ):
        at = plain.index(tag) + 6
        for length in (0, 1, 4, 0x7FFF, 0xFFFF):
            yield f"{name} of {length:#x}", plain[:at] + struct.pack("<H", length) + plain[at + 2 :]
    at = plain.index(b"\x02\x00\x00\x00UL") + 8
    for length in (0, 1, 0xFFFFFFFF):
        yield f"meta of {length:#x}", plain[:at] + struct.pack("<I", length) + plain[at + 4 :]
    png = raster("L", "PNG")
    for at, length in itertools.product((8, png.index(b"IDAT") - 4), (0, 1, 0x7FFFFFFF, 0xFFFFFFFF)):
        yield f"PNG chunk at {at} of {length:#x}", png[:at] + struct.pack(">I", length) + png[at + 4 :]
    jpeg = raster("L", "JPEG")
    for length in (0, 1, 2, 0xFFFF):
        yield f"JPEG segment of {length:#x}", jpeg[:4] + struct.pack(">H", length) + jpeg[6:]
    for code, offset in (
        (2, -1.0),
        (2, 0.0),
        (2, 1e9),
        (2, float("nan")),
        (2, float("inf")),
        (999, 352.0),
        (64, 352.0),
    ):
        yield f"NIfTI type {code} at {offset}", nifti(FILM.shape[::-1], FILM.tobytes(), code=code, offset=offset)


def bombs() -> Files:
    for side in (10_001, 30_000, 1 << 20, (1 << 31) - 1):
        yield f"PNG {side}", png_of(side, side, bytes(1 << 20))
    yield "PNG one row", png_of((1 << 31) - 1, 1, bytes(1 << 16))
    yield "PNG with a text bomb", png_of(8, 8, bytes(8 * 9))
    yield "PNG 16-bit colour", png_of(60_000, 60_000, bytes(1 << 16), depth=16, colour=6)
    yield "GIF", b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"
    yield "BMP", bmp_of(100_000, 100_000)
    yield "BMP upside down", bmp_of(100_000, -100_000)
    webp = bytearray(raster("RGB", "WebP", lossless=True))
    webp[21:25] = b"\xff\xff\xff\x0f"
    yield "WebP", bytes(webp)
    tiff = raster("L", "TIFF")
    for name, tag in (("width", b"\x00\x01"), ("length", b"\x01\x01")):
        at = max(tiff.find(tag + kind + b"\x01\x00\x00\x00") for kind in (b"\x03\x00", b"\x04\x00"))
        yield f"TIFF {name}", tiff[: at + 2] + b"\x04\x00\x01\0\0\0\xff\xff\xff\x7f" + tiff[at + 12 :]
    jpeg = raster("L", "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    yield "JPEG", jpeg[:at] + b"\xff\xdc\xff\xdc" + jpeg[at + 4 :]
    yield "NIfTI", nifti((32767, 32767), b"")
    yield "NIfTI negative", nifti((-5, -5), b"\0" * 25)
    yield "NIfTI volume", nifti((10, 10, 500), b"\0" * 50_000)
    yield "NIfTI gz", gzip.compress(nifti((20_000, 20_000), bytes(1 << 22)))
    stored = FILM.astype(np.int64)
    for name, uid in {"native": ExplicitVRLittleEndian, **films.COMPRESSED}.items():
        data = bytearray(films.dicom(stored, syntax=uid))
        rows, columns = (data.index(tag) + 8 for tag in (b"\x28\x00\x10\x00US", b"\x28\x00\x11\x00US"))
        for side in (65535, 9000):
            data[rows : rows + 2] = data[columns : columns + 2] = struct.pack("<H", side)
            yield f"DICOM {name} {side}", bytes(data)
    yield "DICOM frames", films.dicom(stored[np.newaxis], attributes={"NumberOfFrames": 2_000_000_000})
    j2k = films.dicom(stored, syntax=JPEG2000Lossless)
    at = j2k.index(b"\xff\x4f\xff\x51") + 8
    yield "J2K size", j2k[:at] + struct.pack(">II", 0x7FFFFFFF, 0x7FFFFFFF) + j2k[at + 8 :]
    yield "J2K tiles", j2k[: at + 16] + struct.pack(">II", 1, 1) + j2k[at + 24 :]
    lossy = films.jpeg_dicom(FILM)
    at = lossy.index(b"\xff\xc0") + 5
    yield "DICOM JPEG size", lossy[:at] + b"\xff\xdc\xff\xdc" + lossy[at + 4 :]


def mixed_endianness() -> Files:
    stored = films.scaled(FILM, 12)
    for name, uid in films.SYNTAXES.items():
        data = films.dicom(stored, bits=12, syntax=uid)
        start = 144 + int.from_bytes(data[140:144], "little")  # where the data set begins
        for said, claimed in films.SYNTAXES.items():
            if said != name:
                yield f"{name} that says {said}", meta(str(claimed).encode()) + data[start:]


def missing_tags() -> Files:
    for syntax in (ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless):
        whole = films.dicom(FILM.astype(np.int64), syntax=syntax)
        for keyword in (
            *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"),
            *("PhotometricInterpretation", "PixelData", "SOPClassUID", "Modality"),
        ):
            dataset = dcmread(io.BytesIO(whole))
            del dataset[keyword]
            stream = io.BytesIO()
            dataset.save_as(stream)
            yield f"{syntax.name} without {keyword}", stream.getvalue()
    yield "meta only", meta(str(ExplicitVRLittleEndian).encode())
    yield "preamble only", bytes(128) + b"DICM"
    whole = films.dicom(FILM.astype(np.int64))
    yield "no transfer syntax", bytes(128) + b"DICM" + whole[whole.index(b"\x08\x00\x16\x00") :]
    yield "unknown transfer syntax", whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0", 1)


def zero_sizes() -> Files:
    yield "PNG 0 x 5", png_of(0, 5, b"")
    yield "PNG 5 x 0", png_of(5, 0, b"")
    yield "GIF 0 x 0", b"GIF89a\0\0\0\0\x80\0\0" + bytes(6) + b",\0\0\0\0\0\0\0\0\0\x02\x02D\x01\0;"
    yield "BMP 0 x 0", bmp_of(0, 0)
    yield "NIfTI 0 x 0", nifti((0, 0), b"")
    for change in ({"Rows": 0}, {"Columns": 0}, {"Rows": 0, "Columns": 0}):
        yield f"DICOM {change}", films.dicom(FILM.astype(np.int64), attributes=change)
    for syntax in (JPEGBaseline8Bit, JPEG2000Lossless, RLELossless):
        for frame in (b"", b"\0\0", b"\xff\xd8\xff\xd9"):
            yield (
                f"{syntax.name} frame of {frame!r}",
                with_items(pixel_item(b"") + pixel_item(frame) + SEQUENCE_END, syntax),
            )
        yield f"{syntax.name} without a frame", with_items(pixel_item(b"") + SEQUENCE_END, syntax)
        yield f"{syntax.name} without items", with_items(SEQUENCE_END, syntax)
        yield f"{syntax.name} without an end", with_items(pixel_item(b""), syntax)
        yield f"{syntax.name} of text", with_items(b"these are no items", syntax)


def no_images() -> Files:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("film.png", raster("L", "PNG"))
    yield "zip", archive.getvalue()
    yield "empty zip", b"PK\x05\x06" + bytes(18)
    yield "gzip of text", gzip.compress(b"hello" * 100)
    yield "gzip of PNG", gzip.compress(raster("L", "PNG"))
    yield "gzip cut", gzip.compress(bytes(1000))[:12]
    yield "pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(400)
    yield "html", b"<!doctype html><title>404</title>" * 20
    yield "csv", b"patientid,finding\n1,COVID-19\n" * 50
    yield "utf-16", "patient".encode("utf-16") * 40
    yield "windows-1252", "Größe".encode("cp1252") * 40
    yield "zeros", bytes(5000)
    yield "ones", b"\xff" * 5000
    yield "noise", noise(1)
    yield "one byte", b"B"
    yield "nothing", b""
    yield "elf", b"\x7fELF" + bytes(200)
    yield "jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100)
    for name, signature in (
        ("png", b"\x89PNG\r\n\x1a\n"),
        ("jpeg", b"\xff\xd8\xff"),
        ("tiff", b"II*\0"),
        ("bmp", b"BM"),
    ):
        yield f"{name} signature", signature
        yield f"{name} signature and noise", signature + noise(2)
    yield "tiff loop", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"
    yield "tiff far", b"II*\0\xff\xff\xff\xff" + bytes(20)


def nested_sequences() -> Files:
    plain = films.dicom(FILM.astype(np.int64))
    at = plain.index(b"\x28\x00\x02\x00US")
    for tag, name in (
        (b"\x28\x00\x10\x30", "VOI LUT"),
        (b"\x28\x00\x00\x30", "Modality LUT"),
        (b"\x09\x00\x10\x10", "private"),
    ):
        for depth in (1, 10, 200, 5_000):
            opened = (tag + b"SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * depth
            closed = (b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0") * depth
            start = at if name != "private" else plain.index(b"\x10\x00\x20\x00")
            yield f"{name} nested {depth}", plain[:start] + opened + closed + plain[start:]
            yield f"{name} nested {depth} and left open", plain[:start] + opened + plain[start:]
    for entries, first, bits, length in (
        (0, 0, 16, 2),
        (256, 0, 99, 512),
        (256, 0, 0, 512),
        (32767, 0, 16, 2),
        (4, -5, 16, 8),
    ):
        item = Dataset()
        item.add_new("LUTDescriptor", "SS", [entries, first, bits])
        item.add_new("LUTData", "OW", bytes(length))
        yield f"LUT {entries} {first} {bits}", films.dicom(FILM.astype(np.int64), attributes={"VOILUTSequence": [item]})
    yield "empty VOI LUT", films.dicom(FILM.astype(np.int64), attributes={"VOILUTSequence": [Dataset()]})


def polyglots() -> Files:
    png, stored = raster("L", "PNG"), FILM.astype(np.int64)
    dicom = films.dicom(stored)
    yield "PNG then zip", png + b"PK\x05\x06" + bytes(18)
    yield "PNG then script", png + b"<script>alert(1)</script>"
    yield "JPEG then DICOM", raster("L", "JPEG") + dicom
    yield "DICOM in a TIFF preamble", b"II*\0\x08\0\0\0" + bytes(120) + dicom[128:]
    yield "DICOM in a PNG preamble", png[:128].ljust(128, b"\0") + dicom[128:]
    yield "PNG with DICM", png[:128] + b"DICM" + png[132:]
    yield "GIF and JavaScript", b"GIF89a=1;alert(1);//" + bytes(200)
    yield "BMP that is text", b"BMI,patient\n" * 30
    yield "DICOM then DICOM", dicom + dicom
    yield "DICOM that holds a PNG", with_frame(png, JPEGBaseline8Bit)
    yield "DICOM that holds text", with_frame(b"hello, decoder" * 20, JPEG2000Lossless)
    yield "DICOM RLE of noise", with_frame(noise(3), RLELossless)
    segments = struct.pack("<16I", 1000, *[64] * 15) + bytes(500)
    yield "RLE with a thousand segments", with_frame(segments, RLELossless)


FAMILIES: dict[str, Callable[[], Files]] = {
    "truncated": truncated,
    "flipped": flipped,
    "wrong lengths": wrong_lengths,
    "bombs": bombs,
    "mixed endianness": mixed_endianness,
    "missing tags": missing_tags,
    "zero sizes": zero_sizes,
    "no images": no_images,
    "nested sequences": nested_sequences,
    "polyglots": polyglots,
}
