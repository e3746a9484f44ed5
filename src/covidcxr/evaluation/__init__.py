"""Predictions to an EvaluationReport; comparison with published tables."""
