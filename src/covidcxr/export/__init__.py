"""A bundle as other programs want it: ONNX, OpenVINO, a MONAI bundle; each with its measured parity."""
