"""The image is cut into patches that change places: anatomy is gone, local texture and brightness stay."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext, Images
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_alteration

GRID = 4


def shuffle_patches(images: Images, generator: np.random.Generator, *, grid: int = GRID) -> Images:
    """Return copies of (N, S, S) images whose grid x grid patches change places, differently in each image.

    Rows and columns beyond a multiple of ``grid`` stay where they are.
    """
    patch = images.shape[1] // grid
    side = patch * grid
    patches = images[:, :side, :side].reshape(-1, grid, patch, grid, patch).swapaxes(2, 3)
    patches = patches.reshape(len(images), grid * grid, patch, patch)
    order = generator.permuted(np.tile(np.arange(grid * grid), (len(images), 1)), axis=1)
    shuffled = np.take_along_axis(patches, order[:, :, np.newaxis, np.newaxis], axis=1)
    altered = images.copy()
    altered[:, :side, :side] = shuffled.reshape(-1, grid, grid, patch, patch).swapaxes(2, 3).reshape(-1, side, side)
    return altered


@AUDITS.register("patches-shuffled")
def audit_patches_shuffled(context: AuditContext) -> AuditResult:
    """Measure the network on shuffled patches."""
    return from_alteration(
        context,
        shuffle_patches(context.test.images, context.generator(1)),
        name="patches-shuffled",
        title="Patches shuffled",
        question=f"{GRID * GRID} patches change places. What is still known is texture and brightness, not anatomy.",
        subject="Without any anatomy, shuffled patches",
        expectation="context",
        threshold=0.8,
        notes=("Opacities have a texture too, so a high share does not count by itself.",),
    )
