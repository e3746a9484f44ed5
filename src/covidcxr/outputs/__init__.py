"""One writer a format: CSV, JSON, figures, HTML report."""
