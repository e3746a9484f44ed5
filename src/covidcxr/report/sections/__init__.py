"""The parts of an evaluation report: one file a part, each a function from a `Study` to a `Section` or None."""
