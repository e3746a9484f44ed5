"""One writer per format: CSV, JSON, figures, HTML report."""
