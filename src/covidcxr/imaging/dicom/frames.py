"""One frame of DICOM pixel data out of its encoding: native, RLE, or a compressed stream.

Decoders: Pillow for JPEG baseline, pylibjpeg-openjpeg for JPEG 2000, GDCM for JPEG lossless, JPEG-LS and JPEG Extended
of 12 bits, pydicom for RLE. Cells come out as the stream holds them: pydicom, left to itself, would cut them to
BitsStored, right or wrong. What the cells mean is for `covidcxr.imaging.dicom.stored` to say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.block_shift import shift_notes
from covidcxr.imaging.decoder_noise import caught_noise
from covidcxr.imaging.dicom.codestream import StreamSize, check_stream
from covidcxr.imaging.dicom.header import DicomHeader
from covidcxr.imaging.dicom.remarks import heard_remarks
from covidcxr.imaging.dicom.stored import Frame
from covidcxr.imaging.strict_jpeg import decode_strictly

_PLAIN_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)
_DAMAGE_WORDS = ("RLE segment", "codestream", "pixel data", "Pixel Data")
_EXTENDED_BITS = 12
_PREFERRED_DECODERS = ("pillow", "pylibjpeg", "gdcm", "pydicom")


def decode_frame(dataset: Dataset, header: DicomHeader, frame: int, origin: str) -> tuple[Frame, tuple[str, ...]]:
    """Return one frame, (H, W), or (H, W, 3) in RGB, and what its decoder remarked.

    Raises:
        ImageReadError: ``truncated`` or ``undecodable``, if it is not what the header says, ``no-decoder`` if no
            decoder of its encoding is installed.
        Exception: Anything that a decoder raises.
    """
    with heard_remarks() as remarks, caught_noise() as noise:
        decoded = _decoded(dataset, header, frame, origin)
    if noise.complaint:
        raise ImageReadError(f"{origin}: damaged pixel data ({noise.complaint}); get it again", reason="undecodable")
    lines = dict.fromkeys(line for line in remarks if any(word in line for word in _DAMAGE_WORDS))
    told = tuple(f"damaged: the decoder says: {line[:200]}" for line in lines)
    is_jpeg = header.transfer_syntax in _PLAIN_JPEG and decoded.bits == 8 and decoded.cells.ndim == 2
    return decoded, told + (shift_notes(decoded.cells.astype(np.uint8, copy=False)) if is_jpeg else ())


def _decoded(dataset: Dataset, header: DicomHeader, frame: int, origin: str) -> Frame:
    if not header.transfer_syntax.is_encapsulated:
        _check_length(dataset, header, origin)
        decoder = get_decoder(header.transfer_syntax)
        as_stored: dict[str, Any] = {"correct_unused_bits": False, "pixel_representation": 0}
        cells = decoder.as_array(dataset, index=frame, **as_stored)[0]
        return Frame(cells=cells, bits=8 * cells.dtype.itemsize, is_signed=None, is_native=True)
    stream = get_frame(dataset.PixelData, frame, number_of_frames=header.num_frames)
    size = check_stream(
        stream,
        header.transfer_syntax,
        rows=header.rows,
        columns=header.columns,
        samples=header.samples_per_pixel,
        bits_allocated=header.bits_allocated,
        origin=origin,
    )
    if size is None:
        cells = _decode(dataset, header, frame, origin)
        return Frame(cells=cells, bits=8 * cells.dtype.itemsize, is_signed=None, is_native=False)
    if header.transfer_syntax in _PLAIN_JPEG and size.bits == 8:
        luma = decode_strictly(stream, origin=origin)
        cells = luma if size.components == 1 else _decode(dataset, header, frame, origin, bits_stored=8)
    elif header.transfer_syntax == JPEGExtended12Bit and size.bits > 8:
        size = replace(size, bits=_extended_bits(size, header, origin))
        cells = _decode_extended(stream, header, size.bits)
    else:
        options = {"bits_stored": size.bits, "pixel_representation": int(size.is_signed or False)}
        if size.bits <= 16:  # GDCM writes beyond its memory where cells are wider than the stream asks for
            options["bits_allocated"] = 8 if size.bits <= 8 else 16
        cells = _decode(dataset, header, frame, origin, **options)
    unsigned = cells.view(np.dtype(f"u{cells.dtype.itemsize}"))
    if size.is_signed:  # the decoder has spread the sign over the whole cell
        unsigned &= unsigned.dtype.type((1 << size.bits) - 1)
    return Frame(cells=unsigned, bits=size.bits, is_signed=size.is_signed, is_native=False)


def _decode(dataset: Dataset, header: DicomHeader, frame: int, origin: str, **options: Any) -> NDArray[Any]:
    """Return what the first decoder that can makes of a compressed frame."""
    decoder = get_decoder(header.transfer_syntax)
    if not decoder.is_available:
        raise no_decoder(header.transfer_syntax.name, origin)
    options |= {
        "correct_unused_bits": False,
        "apply_j2k_sign_correction": False,
        "apply_jls_sign_correction": False,
        "pixel_representation": options.get("pixel_representation", 0),
    }
    available = [name for name in _PREFERRED_DECODERS if name in decoder.available_plugins]
    for name in available[:-1]:
        try:
            return decoder.as_array(dataset, index=frame, decoding_plugin=name, **options)[0]
        except MemoryError:
            raise
        except Exception:  # noqa: S112 - the next decoder may know what this one does not; the last one's error is told
            continue
    return decoder.as_array(dataset, index=frame, decoding_plugin=available[-1], **options)[0]


def no_decoder(encoding: str, origin: str) -> ImageReadError:
    """Return the error that names an encoding nothing here can decode."""
    return ImageReadError(
        f"{origin}: no decoder for {encoding}; convert it to JPEG 2000 or to an uncompressed file", reason="no-decoder"
    )


def _extended_bits(size: StreamSize, header: DicomHeader, origin: str) -> int:
    """Return the bits of a JPEG Extended stream: 12 by ITU-T T.81 table B.2, though GDCM writes 16 and means 12.

    Raises:
        ImageReadError: ``no-decoder``, if it is neither, or in colour.
    """
    if size.components != 1 or min(size.bits, header.bits_stored) > _EXTENDED_BITS:
        raise no_decoder(f"JPEG Extended of {size.components} x {size.bits} bits", origin)
    return min(size.bits, _EXTENDED_BITS)


def _decode_extended(stream: bytes, header: DicomHeader, bits: int) -> NDArray[np.uint16]:
    """Decode a JPEG Extended stream of 12 bits (process 4) with GDCM, to which pydicom does not hand it.

    Raises:
        ValueError: If GDCM gives other than one value per pixel.
    """
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header.columns, header.rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, bits, bits - 1, 0))
    cells = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), "<u2")
    if cells.size != header.rows * header.columns:
        raise ValueError(f"{cells.size} values for {header.columns} x {header.rows} pixels")
    return cells.reshape(header.rows, header.columns)


def _check_length(dataset: Dataset, header: DicomHeader, origin: str) -> None:
    """Compare the length of native pixel data with what the header asks for (PS3.5 8.1.1, 8.2)."""
    samples = 2 if header.photometric == "YBR_FULL_422" else header.samples_per_pixel
    bits = header.columns * header.rows * samples * header.num_frames * header.bits_allocated
    expected, found = (bits + 7) // 8, len(dataset.PixelData)
    if found < expected:
        raise ImageReadError(
            f"{origin}: {found:,} bytes of pixels, the header asks for {expected:,}; get it again", reason="truncated"
        )
    # Some writers pad the pixel data; a tenth more is another image than the header describes.
    if found > expected * 1.1 + 512 and header.photometric != "YBR_FULL_422":
        raise ImageReadError(
            f"{origin}: {found:,} bytes of pixels, Rows, Columns and BitsAllocated (0028,0010, 0011, 0100) ask for "
            f"{expected:,}; correct the header, or get the file again",
            reason="contradiction",
        )
