"""A study's results as sections, checklists and a folder; measuring is left to `covidcxr.pipeline`."""
