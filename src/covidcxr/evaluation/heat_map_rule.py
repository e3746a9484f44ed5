"""What heat maps say against a network: the rule ``heat-maps``. Maps that pass prove little and say nothing for it.

The share of images whose map lies outside the lungs is measured where maps are made, and arrives as a metric.
"""

from __future__ import annotations

from covidcxr.evaluation.evidence import Evidence, Finding

HEAT_MAP_OUTSIDE = "heat_map_outside"  # /CLASS: of the images called it, where the map could be laid beside lungs
MOST = 0.5  # the whole interval lies above it
MIN_FILMS = 10  # below which nothing is said


def heat_maps(evidence: Evidence) -> list[Finding]:
    """Return a finding for each cohort where most maps of images called the target lie outside the lungs."""
    found = []
    for cohort in evidence.cohorts:
        metric = cohort.report.metrics.get(f"{HEAT_MAP_OUTSIDE}/{evidence.target}")
        if metric is None or metric.value is None or metric.low is None or metric.high is None:
            continue
        if metric.low <= MOST or metric.num_cases < MIN_FILMS:
            continue
        words = (
            f"the heat map lies for the most part outside the lungs on {100 * metric.value:.0f} % "
            f"({100 * metric.low:.0f} to {100 * metric.high:.0f} %) of {metric.num_cases:,} images called "
            f"{evidence.target}."
        )
        found.append(
            Finding(
                rule="heat-maps",
                weight="against",
                sentence=evidence.about(cohort, words),
                change="a network that looks at the lungs",
                about="network",
            )
        )
    return found
