"""Inputs, predictor, one backend a file."""
