"""Pure functions on arrays: discrimination, calibration, bootstrap."""
