"""Benchmarks: each measures figures on the real sources and records them under results/."""
