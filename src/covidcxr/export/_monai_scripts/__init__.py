"""Copied into every MONAI bundle as its package ``scripts``; needs monai, torch and onnxruntime, not covidcxr."""
