"""DICOM files: header, pixel data, gray scale."""
