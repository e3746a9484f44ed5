"""The part of a DICOM data set that decides how its pixels look, read once into plain values.

Only the attributes in `TAGS` are parsed: nothing that names a patient ever leaves the file. What the values do to the
pixels is `covidcxr.imaging.dicom.gray`'s business.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import View
from covidcxr.core.values import read_view_position
from covidcxr.imaging.dicom.deflated import inflate
from covidcxr.imaging.dicom.lengths import define_lengths
from covidcxr.imaging.dicom.lut import LookupTable, byte_order, is_empty_lut, read_lut
from covidcxr.imaging.dicom.voi import GROUPS, Window, first_value, read_window, take_from_groups

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
_COLOURS = ("Red", "Green", "Blue")
_OVERLAY_GROUPS = tuple((0x6000 + 2 * number) << 16 for number in range(16))  # PS3.3 C.9.2
_OVERLAY_ROWS = tuple(group | 0x0010 for group in _OVERLAY_GROUPS)
_OVERLAY_BITS_ALLOCATED, _OVERLAY_BIT_POSITION = 0x0100, 0x0102
_KEYWORDS = (
    *("SOPClassUID", "SOPInstanceUID", "Modality", "PresentationIntentType", "ViewPosition", "PatientOrientation"),
    "BodyPartExamined",
    *("BurnedInAnnotation", "ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"),
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "VOILUTSequence", "WindowCenter", "WindowWidth"),
    *("VOILUTFunction", "PresentationLUTShape", "PixelData", "FloatPixelData", "DoubleFloatPixelData"),
    *GROUPS,
    *(f"{colour}PaletteColorLookupTable{part}" for colour in _COLOURS for part in ("Descriptor", "Data")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in _COLOURS),
)
TAGS = (
    *(tag for keyword in _KEYWORDS if (tag := tag_for_keyword(keyword)) is not None),
    *(group | element for group in _OVERLAY_GROUPS for element in (0x0010, 0x0100, 0x0102)),
)
_CR = "1.2.840.10008.5.1.4.1.1.1"  # PS3.4 B.5; DX and its kin are below it
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomHeader:
    """How to read the pixels of one image; names follow the attributes' keywords.

    Attributes:
        num_frames: 1 where the data set does not say.
        overlay_bits: Bits of a cell that hold overlays, as older files keep them (PS3.3 C.9.2, retired use).
        padding_words: PixelPaddingValue and PixelPaddingRangeLimit as 16-bit words; None if there are none.
        slope, intercept: Of the rescale; 1 and 0 where the data set does not say.
        lossless_codec, little_endian: Of the encoding.
    """

    transfer_syntax: UID
    sop_instance_uid: str | None
    photometric: str
    samples_per_pixel: int
    num_frames: int
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    overlay_bits: tuple[int, ...]
    padding_words: tuple[int, int] | None
    modality_lut: LookupTable | None
    slope: float
    intercept: float
    voi_lut: LookupTable | None
    window: Window | None
    spacing_mm: tuple[float, float] | None
    view: View
    modality: str
    body_part: str
    warnings: tuple[str, ...]


def parse(data: bytes, origin: str) -> Dataset:
    """Parse the attributes in `TAGS` of one DICOM file.

    Raises:
        ImageReadError: ``no-pixels`` or ``truncated``, if there are none to decode.
        ImageTooLargeError: If a deflated data set (PS3.5 A.5) inflates beyond 256 MiB.
    """
    dataset = dcmread(BytesIO(define_lengths(inflate(data, origin))), force=True, specific_tags=list(TAGS))
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise ImageReadError(
            f"{origin}: a DICOM parametric map (float pixels); expected a radiograph", reason="unsupported"
        )
    if "PixelData" not in dataset:
        if "Rows" in dataset or _is_film(dataset):
            message = "a DICOM image that ends before its pixel data; get it again"
            raise ImageReadError(f"{origin}: {message}", reason="truncated")
        raise ImageReadError(
            f"{origin}: a DICOM object without pixels; expected an image (CR, DX or SC)", reason="no-pixels"
        )
    return dataset


def read_header(dataset: Dataset, origin: str, *, frame: int = 0) -> DicomHeader:
    """Read what `DicomHeader` lists, of one frame where frames differ.

    Raises:
        ImageReadError: ``undecodable``, if an attribute that the image needs is missing or makes no sense.
    """
    required = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PhotometricInterpretation")
    absent = [keyword for keyword in required if dataset.get(keyword) in (None, "")]
    if absent:
        raise ImageReadError(
            f"{origin}: a DICOM image without {', '.join(absent)} (PS3.3 C.7.6.3); get it again", reason="undecodable"
        )
    take_from_groups(dataset, frame)
    bits_stored = int(dataset.BitsStored)
    window, window_notes = read_window(dataset)
    is_signed = dataset.get("PixelRepresentation", 0) == 1
    modality_lut = read_lut(dataset.get("ModalityLUTSequence"), is_signed=is_signed, order=byte_order(dataset))
    slope, intercept = _number(dataset, "RescaleSlope", 1.0), _number(dataset, "RescaleIntercept", 0.0)
    header = DicomHeader(
        transfer_syntax=_transfer_syntax(dataset),
        sop_instance_uid=str(dataset.get("SOPInstanceUID") or "") or None,
        photometric=str(dataset.PhotometricInterpretation).strip(),
        samples_per_pixel=int(dataset.get("SamplesPerPixel", 1)),
        num_frames=int(dataset.get("NumberOfFrames") or 1),
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        bits_allocated=int(dataset.BitsAllocated),
        bits_stored=bits_stored,
        high_bit=int(dataset.get("HighBit", bits_stored - 1)),
        is_signed=is_signed,
        overlay_bits=_overlay_bits(dataset),
        padding_words=_padding_words(dataset),
        modality_lut=modality_lut,
        slope=slope if modality_lut is None else 1.0,
        intercept=intercept if modality_lut is None else 0.0,
        voi_lut=read_lut(
            dataset.get("VOILUTSequence"),
            is_signed=modality_lut is None and (is_signed or intercept < 0),
            order=byte_order(dataset),
        ),
        window=window,
        spacing_mm=_spacing(dataset),
        view=read_view_position(str(dataset.get("ViewPosition") or "")),
        modality=str(dataset.get("Modality") or "").strip().upper(),
        body_part=str(dataset.get("BodyPartExamined") or "").strip().upper(),
        warnings=(*_remarks(dataset), *window_notes),
    )
    _check(header, origin)
    return header


def _check(header: DicomHeader, origin: str) -> None:
    sensible = (
        header.bits_allocated in (1, 8, 16, 32)
        and 1 <= header.bits_stored <= header.bits_allocated
        and header.bits_stored - 1 <= header.high_bit < header.bits_allocated
        and header.samples_per_pixel in (1, 3)
        and header.slope != 0.0
    )
    if not sensible:
        raise ImageReadError(
            f"{origin}: BitsAllocated {header.bits_allocated}, BitsStored {header.bits_stored}, "
            f"HighBit {header.high_bit}, SamplesPerPixel {header.samples_per_pixel}, "
            f"RescaleSlope {header.slope:g} do not describe an image "
            "(PS3.3 C.7.6.3.1, C.11.1); get it again",
            reason="undecodable",
        )


def _is_film(dataset: Dataset) -> bool:
    """Tell by its SOP class (PS3.4 B.5) that an object must be CR, DX or a secondary capture."""
    meta = getattr(dataset, "file_meta", None)
    named = str(dataset.get("SOPClassUID") or (meta or {}).get("MediaStorageSOPClassUID") or "")
    return any(named == film or named.startswith(f"{film}.") for film in (_CR, _SECONDARY_CAPTURE))


def _transfer_syntax(dataset: Dataset) -> UID:
    meta = getattr(dataset, "file_meta", None)
    if meta is not None and "TransferSyntaxUID" in meta:
        return UID(str(meta.TransferSyntaxUID).strip("\0 "))
    is_implicit, is_little = dataset.original_encoding
    if is_implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian


def _number(dataset: Dataset, keyword: str, default: float) -> float:
    value = first_value(dataset.get(keyword))
    if value is None or value == "":
        return default
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{keyword} is {value!r}")
    return number


def padding_range(header: DicomHeader, *, bits: int, is_signed: bool) -> tuple[int, int] | None:
    """Return the first and the last stored value that are no part of the image (PS3.3 C.7.5.1.1.2), or None."""
    if header.padding_words is None:
        return None
    ends = [_stored(word, bits, is_signed) for word in header.padding_words]
    return min(ends), max(ends)


def _padding_words(dataset: Dataset) -> tuple[int, int] | None:
    value = dataset.get("PixelPaddingValue")
    if value in (None, ""):
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    return int(value), int(value if limit in (None, "") else limit)


def _overlay_bits(dataset: Dataset) -> tuple[int, ...]:
    found = []
    for group in _OVERLAY_GROUPS:
        allocated, position = (
            dataset[group | element].value if (group | element) in dataset else None
            for element in (_OVERLAY_BITS_ALLOCATED, _OVERLAY_BIT_POSITION)
        )
        if allocated not in (None, "", 1) and position not in (None, "") and 0 <= int(position) < 32:
            found.append(int(position))
    return tuple(found)


def _stored(value: int, bits_stored: int, is_signed: bool) -> int:
    """Return a 16-bit US or SS value as the stored pixels would hold it (PS3.3 C.7.5.1.1.2)."""
    value &= (1 << bits_stored) - 1
    return value - (1 << bits_stored) if is_signed and value >> (bits_stored - 1) else value


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Return (row, column) spacing at the detector (PS3.3 C.8.7.1.1), else as calibrated or as scanned."""
    for keyword in ("ImagerPixelSpacing", "PixelSpacing", "NominalScannedPixelSpacing"):
        value = dataset.get(keyword)
        if value is not None and hasattr(value, "__len__") and not isinstance(value, str) and len(value) == 2:
            row, column = float(value[0]), float(value[1])
            if 0.0 < row < 100.0 and 0.0 < column < 100.0:
                return row, column
    return None


def _remarks(dataset: Dataset) -> tuple[str, ...]:
    remarks = []
    modality = str(dataset.get("Modality") or "")
    secondary = str(dataset.get("SOPClassUID") or "").startswith(_SECONDARY_CAPTURE)
    if modality not in ("CR", "DX", "DR", "RG") and not secondary:
        remarks.append(f"modality {modality or 'unknown'}: expected CR or DX")
    if dataset.get("PresentationIntentType") == "FOR PROCESSING":
        remarks.append("raw detector image (FOR PROCESSING): not meant for display")
    if dataset.get("BurnedInAnnotation") == "YES":
        remarks.append("annotations are burned into the pixels")
    if any(tag in dataset for tag in _OVERLAY_ROWS):
        remarks.append("overlay left out")
    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        if is_empty_lut(dataset.get(keyword)):
            remarks.append(f"gray-values: {keyword} ignored: its LUTDescriptor or LUTData (0028,3002, 3006) is empty")
    inverse, shape = dataset.get("PhotometricInterpretation") == "MONOCHROME1", dataset.get("PresentationLUTShape")
    if shape in ("IDENTITY", "INVERSE") and inverse != (shape == "INVERSE") and _is_monochrome(dataset):
        remarks.append(f"PresentationLUTShape {shape} contradicts the photometric interpretation, which was followed")
    orientation = dataset.get("PatientOrientation")
    if orientation is not None and not isinstance(orientation, str) and len(orientation) == 2 and orientation[0] == "R":
        remarks.append("mirrored: PatientOrientation says that columns run to the patient's right")
    ratio = dataset.get("PixelAspectRatio")
    if ratio is not None and not isinstance(ratio, str) and len(ratio) == 2 and int(ratio[0]) != int(ratio[1]):
        remarks.append("pixels are not square")
    return tuple(remarks)


def _is_monochrome(dataset: Dataset) -> bool:
    return str(dataset.get("PhotometricInterpretation") or "").startswith("MONOCHROME")
