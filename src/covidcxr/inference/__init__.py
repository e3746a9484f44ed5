"""Inputs, predictor, one file per backend."""
