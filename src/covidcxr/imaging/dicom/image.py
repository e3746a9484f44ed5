"""A DICOM file to gray pixels: decode, grayscale pipeline, colour to luma.

What the header says is read in `covidcxr.imaging.dicom.header`; frames come out of their encoding in `frames`, stored
values out of their cells in `stored`, and the pipeline itself is in `gray`. Several frames are refused unless one is
chosen. Any number of threads may decode at once, but most of the decoders keep the interpreter's lock: processes are
what makes many images faster.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.decoded import MAX_PIXELS, Decoded, check_size, out_of_memory
from covidcxr.imaging.dicom.frames import decode_frame
from covidcxr.imaging.dicom.gray import render_gray
from covidcxr.imaging.dicom.header import COLOUR, MONOCHROME, DicomHeader, parse, read_header
from covidcxr.imaging.dicom.lut import read_palette
from covidcxr.imaging.dicom.stored import choose_reading
from covidcxr.imaging.memory import check_cost
from covidcxr.imaging.quiet import QUIET
from covidcxr.imaging.value_range import luma_in_steps, scale_to_unit, unstated_range

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as PS3.3 C.7.6.3.1.2 defines YBR_FULL


def decode_dicom(data: bytes, *, origin: str, max_pixels: int = MAX_PIXELS, frame: int | None = None) -> Decoded:
    """Decode one DICOM image (PS3.10 file, or a bare data set).

    Args:
        data: The whole file.
        origin: What messages call the file.
        max_pixels: Checked against the header before any pixel is decoded.
        frame: Which frame of a multi-frame image, from 0; None refuses images of several frames.

    Returns:
        float32 pixels in [0, 1], or uint8 where nothing but eight bits was stored and shown unchanged.

    Raises:
        ImageReadError: If it is truncated, damaged, has several frames, no pixels or an unsupported photometry.
        ImageTooLargeError: If its header announces more than ``max_pixels``.
    """
    with QUIET:
        try:
            dataset = parse(data, origin)
            header = read_header(dataset, origin, frame=frame or 0)
            _check_frames(header, frame, origin, max_pixels)
            check_cost(_cost(dataset, header), origin)
            return _decode(dataset, header, frame or 0, origin)
        except ImageReadError:
            raise
        except MemoryError as error:
            raise out_of_memory(origin) from error
        except Exception as error:  # pydicom and the codecs raise anything on hostile files
            words = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise ImageReadError(
                f"{origin}: a damaged DICOM file ({words}); get it again", reason=_reason(error)
            ) from error


def count_frames(data: bytes, *, origin: str) -> int:
    """Return how many frames a DICOM image holds.

    Raises:
        ImageReadError: As `decode_dicom`.
    """
    with QUIET:
        try:
            return read_header(parse(data, origin), origin).num_frames
        except ImageReadError:
            raise
        except Exception as error:
            raise ImageReadError(
                f"{origin}: a damaged DICOM file ({error}); get it again", reason=_reason(error)
            ) from error


def _decode(dataset: Dataset, header: DicomHeader, frame_number: int, origin: str) -> Decoded:
    frame, remarks = decode_frame(dataset, header, frame_number, origin)
    notes = header.warnings + remarks
    if header.photometric in COLOUR:
        bits = max(header.bits_stored, int(frame.cells.max()).bit_length())
        if bits > header.bits_stored:
            notes += (f"header: BitsStored (0028,0101) is {header.bits_stored}, but the values use {bits} bits",)
        shown = unstated_range(frame.cells, bits=bits, is_signed=False)
        pixels = luma_in_steps(frame.cells, shown, _LUMA)
        notes += (shown.note,) if shown.note else ()
    else:
        reading, more = choose_reading(frame, header, origin)
        notes += more
        if header.photometric in MONOCHROME:
            pixels, more = render_gray(frame, reading, header, origin)
            notes += more
        else:
            patterns = np.arange(1 << (8 * frame.cells.dtype.itemsize))  # of at most 16 bits (PS3.3 C.7.6.3.1.5)
            pixels = _palette_luma(reading.values_of(patterns)[None], dataset, header)[0][frame.cells]
    return Decoded(
        pixels=pixels,
        bits_stored=header.bits_stored,
        warnings=notes,
        spacing_mm=header.spacing_mm,
        view=header.view,
        modality=header.modality,
        body_part=header.body_part,
        sop_instance_uid=header.sop_instance_uid,
    )


def _cost(dataset: Dataset, header: DicomHeader) -> int:
    """Return the bytes that decoding one frame takes at its peak, float32 pixels included."""
    pixels, sample = header.rows * header.columns, max(1, header.bits_allocated // 8)
    cell = sample * header.samples_per_pixel
    if sample > 2:
        per_pixel = 10 * cell + 16
    elif header.transfer_syntax.is_encapsulated:
        per_pixel = 5 * cell + 4 * header.samples_per_pixel + 4  # codecs work on 32 bits, GDCM hands text over
    else:
        per_pixel = 2 * cell + 5
    return 2 * len(dataset.PixelData) + pixels * per_pixel


def _palette_luma(indices: NDArray[np.int64], dataset: Dataset, header: DicomHeader) -> NDArray[np.float32]:
    """Look up PALETTE COLOR (PS3.3 C.7.6.3.1.5 and C.7.9), whose tables may be segmented (C.7.9.2)."""
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        kind = np.uint8 if header.bits_stored <= 8 else np.uint16
        colours = apply_color_lut(indices.astype(kind), dataset)[..., :3]
        return _luma(colours, (1 << (8 * colours.dtype.itemsize)) - 1)
    tables = read_palette(dataset, is_signed=header.is_signed)
    unit = np.stack([table.apply(indices.astype(np.float64)) / table.white for table in tables], axis=2)
    return _luma(unit, 1)


def _luma(colours: NDArray[np.integer] | NDArray[np.float64], white: int) -> NDArray[np.float32]:
    luma: NDArray[np.float32] = scale_to_unit(colours, 0, white) @ _LUMA
    return np.clip(luma, 0.0, 1.0, out=luma)


def _check_frames(header: DicomHeader, frame: int | None, origin: str, max_pixels: int) -> None:
    check_size(header.rows, header.columns, origin=origin, max_pixels=max_pixels)
    if header.photometric == "PALETTE COLOR" and header.bits_allocated > 16:
        raise ImageReadError(
            f"{origin}: PALETTE COLOR with BitsAllocated {header.bits_allocated}; expected 8 or 16 "
            "(PS3.3 C.7.6.3.1.5); get it again",
            reason="undecodable",
        )
    if header.photometric not in MONOCHROME + COLOUR + ("PALETTE COLOR",):
        raise ImageReadError(
            f"{origin}: photometric interpretation {header.photometric!r}; expected one of "
            f"{', '.join(MONOCHROME + COLOUR)}, PALETTE COLOR; convert it",
            reason="unsupported",
        )
    expected = 3 if header.photometric in COLOUR else 1
    if header.samples_per_pixel != expected:
        raise ImageReadError(
            f"{origin}: {header.photometric} with {header.samples_per_pixel} samples a pixel; expected {expected}; "
            "get it again",
            reason="undecodable",
        )
    if frame is None and header.num_frames > 1:
        raise ImageReadError(
            f"{origin}: {header.num_frames} frames; expected one radiograph; choose one, or take each as one of its "
            "own (predict --frames split)",
            reason="multi-frame",
        )
    if not 0 <= (frame or 0) < header.num_frames:
        raise ImageReadError(
            f"{origin}: frame {frame} of {header.num_frames}; frames count from 0", reason="multi-frame"
        )


def _reason(error: Exception) -> str:
    words = str(error).lower()
    early = (
        "truncated",
        "end of file",
        "unexpected end",
        "ended",
        "eof",
        "not enough",
        "less than expected",
        "insufficient",
    )
    is_early = isinstance(error, EOFError) or ("unable to decode" not in words and any(word in words for word in early))
    return "truncated" if is_early else "undecodable"
