"""How intervals are made, as one value that every measurement of a report shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Resampling = Literal["percentile", "bca"]
Method = Literal["student", "percentile", "bca"]
DEFAULT_ROUNDS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class IntervalSettings:
    """How 95 % confidence intervals are made.

    Attributes:
        method: ``student``: closed forms with Student's quantile, by patient (Wilson's for proportions, DeLong's for
            AUROCs, linearised for the rest), which hold in small cohorts too; ``percentile`` or ``bca``: from a
            bootstrap of patients, which is too narrow below about 100 of them.
        rounds: Of the bootstrap, which bands of curves and calibration errors have with any method.
        seed: Of the bootstrap; the same seed gives the same intervals.
    """

    method: Method = "student"
    rounds: int = DEFAULT_ROUNDS
    seed: int = 0

    @property
    def sentence(self) -> str:
        """How intervals were made, for a methods section."""
        if self.method == "student":
            return (
                "95 % confidence intervals are by patient, near-duplicates joined: Wilson's for proportions, on the "
                "effective sample size; DeLong's for AUROCs, with patients as clusters, on the logit; for other "
                "metrics from the infinitesimal jackknife. All take Student's t on (sum n)^2 / sum n^2 - 1 degrees of "
                "freedom, n being the images of each patient. There is none with fewer than 5 patients. What rests on "
                "fewer than about 10 patients of a class has wider intervals than it need: they hold the truth in up "
                "to 100 % of simulated cohorts."
            )
        name = {"percentile": "percentile", "bca": "bias-corrected and accelerated (BCa)"}[self.method]
        return (
            f"95 % confidence intervals are {name} intervals of {self.rounds:,} bootstrap rounds (seed {self.seed}) "
            "that draw patients, near-duplicates joined, with replacement. Where every round gives the same value, a "
            "proportion has Wilson's interval and an AUROC that of its largest possible variance. There is none with "
            "fewer than 5 patients, and with fewer than 100 they are too narrow: those of a sensitivity hold the truth "
            "in 80-90 % of simulated cohorts."
        )

    @property
    def resampling(self) -> Resampling | None:
        """How intervals are taken from a bootstrap; None if they are closed forms."""
        return None if self.method == "student" else self.method

    def at_most(self, rounds: int) -> IntervalSettings:
        """Return the same settings with no more than ``rounds`` rounds."""
        return replace(self, rounds=min(self.rounds, rounds))


DEFAULT_INTERVALS = IntervalSettings()
