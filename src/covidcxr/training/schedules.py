"""The learning rate over time, as pure functions of how far a training is."""

from __future__ import annotations

import math

from covidcxr.core.recipe import ScheduleRecipe

_ONE_CYCLE_RISE = 0.3  # share of the training that climbs; L. Smith, arXiv:1708.07120, as torch's OneCycleLR has it
_ONE_CYCLE_START = 1 / 25


def learning_rate(schedule: ScheduleRecipe, peak: float, *, epoch: float, epochs: int) -> float:
    """Return the rate at ``epoch`` (0-based, with its fraction) of a training of ``epochs``.

    ``steps`` and ``three-stage`` change at whole epochs only; the others move at every step.
    """
    match schedule.name:
        case "steps":
            current = max(index for index, start in enumerate(schedule.starts) if start <= int(epoch))
            return schedule.rates[current]
        case "three-stage":
            cooling = schedule.cooldown_start > 0 and int(epoch) >= schedule.cooldown_start
            return peak * schedule.low if int(epoch) < schedule.warmup_epochs or cooling else peak
        case "cosine":
            return peak * _cosine(epoch, warmup=schedule.warmup_epochs, epochs=epochs, low=schedule.low)
        case "one-cycle":
            return peak * _one_cycle(epoch / epochs, low=schedule.low)
        case _:
            return peak


def _cosine(epoch: float, *, warmup: float, epochs: int, low: float) -> float:
    if epoch < warmup:
        return min(max(epoch, 0.01) / warmup, 1.0)
    done = (epoch - warmup) / max(epochs - warmup, 1e-9)
    return low + (1 - low) * _half_cosine(done)


def _one_cycle(done: float, *, low: float) -> float:
    if done < _ONE_CYCLE_RISE:
        return 1 - (1 - _ONE_CYCLE_START) * _half_cosine(done / _ONE_CYCLE_RISE)
    return low + (1 - low) * _half_cosine((done - _ONE_CYCLE_RISE) / (1 - _ONE_CYCLE_RISE))


def _half_cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))
