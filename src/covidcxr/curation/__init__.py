"""Named exclusion rules, patient-grouped splits, compile, datasheet."""
