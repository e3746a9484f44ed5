"""From what, with what and where a report was made: names and values for people."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata

from covidcxr.core.version import release
from covidcxr.metrics.settings import IntervalSettings
from covidcxr.models.bundle import Bundle
from covidcxr.report.study import CohortResult

_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "onnxruntime", "matplotlib")


def provenance(
    bundle: Bundle,
    results: Sequence[CohortResult],
    intervals: IntervalSettings,
    *,
    device: str,
    command: str,
    seconds: float,
) -> tuple[tuple[str, str], ...]:
    """Return the provenance of an evaluation of ``bundle``, in reading order."""
    info, history = bundle.info, bundle.info.history
    items = [
        ("Written", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("covidcxr", f"{release()} (bundle written by {info.release})"),
        ("Command", command or "Python API: covidcxr.evaluate"),
        ("Bundle", f"{bundle.bundle_id}, {info.title or info.name}"),
        ("Network", f"{info.network.name}, {info.network.num_parameters:,} parameters"),
        ("Trained on dataset", info.dataset_digest or "not recorded"),
    ]
    if history.epochs:
        spent = f"{history.epochs} epochs in {history.seconds:.0f} s on {history.device}"
        items.append(("Training", f"{spent}; the weights of epoch {history.kept_epoch} were kept"))
    for result in results:
        facts = result.dataset
        kind = "internal" if result.internal else "external"
        items.append((f"Cohort, {kind}", f"{result.report.cohort}, digest {facts.digest}"))
        versions = ", ".join(f"{source} {version}" for source, version in facts.source_versions.items())
        items.append(("Source versions", versions or "unversioned"))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES if _installed(name))
    return (
        *items,
        ("Device", f"{device}; {platform.machine()}, {platform.system()}, Python {platform.python_version()}"),
        ("Packages", versions),
        ("Intervals", f"{intervals.method}, by patient; {intervals.rounds} bootstrap rounds, seed {intervals.seed}"),
        ("Time taken", f"{seconds:.1f} s until the report was drawn"),
    )


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
