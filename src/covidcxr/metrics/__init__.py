"""Pure functions on arrays: what predictions are worth, with patient-clustered intervals.

One convention for what cannot be measured: a function that returns a number returns NaN; a function that returns a
`covidcxr.core.types.Metric` returns it with ``value`` None and the reason, or with a value and without limits where
only the interval is not estimable. A fault of the input (wrong shape, NaN, probabilities that do not sum to 1) is no
such case: it raises `covidcxr.core.errors.EvaluationError`.

Files: ``confusion``, ``discrimination``, ``probabilities`` (single metrics); ``metric_set`` (all of them with
intervals: `measure`); ``bootstrap``, ``intervals`` (uncertainty); ``comparison`` (two models on the same cases);
``calibration``, ``conformal``, ``selective``, ``decision`` (what to do with a probability);
``samplesize`` (how many cases a validation needs).
"""
