"""The commands that join several packages: evaluate, run."""
