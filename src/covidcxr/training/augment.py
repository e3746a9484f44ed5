"""Random changes of a whole batch at once: one geometric resampling, then intensities.

Parameters are drawn first, from a generator the caller owns, and then applied deterministically; a batch's images
are gray, so saturation, which the published code varies, changes nothing and is only checked to be harmless here.
What a recipe asks for is read from `AugmentRecipe`; loading images is left to others.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Generator, Tensor
from torch.nn import functional

from covidcxr.core.recipe import AugmentRecipe

_MAX_BLUR_SIGMA = 2.0  # pixels of the network's input
_BLUR_RADIUS = 3
_ERASE_SHARE = (0.02, 0.2)  # of the image's area; Zhong et al., arXiv:1708.04896
_COARSEST, _FINEST = 0.3, 0.9  # of the side, for a lost resolution
_FIELD_POINTS = 3  # a side, of the random field that is interpolated to an uneven illumination


def augment(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    """Return float32 (N, 1, S, S) images in about [0, 1], each changed at random; the input is not modified.

    Args:
        images: float32 (N, 1, S, S) in [0, 1], on the device of ``generator``.
        recipe: What may be changed, and by how much.
        generator: Source of every random number.
    """
    changed = _geometry(images, recipe, generator)
    if recipe.resolution:
        changed = _coarsen(changed, recipe.resolution, generator)
    changed = _intensity(changed, recipe, generator)
    if recipe.blur:
        changed = _blur(changed, recipe.blur, generator)
    if recipe.noise:
        deviation = _uniform(len(images), 0.0, recipe.noise, generator).view(-1, 1, 1, 1)
        changed = changed + deviation * torch.randn(changed.shape, generator=generator, device=changed.device)
    if recipe.erase:
        changed = _erase(changed, recipe.erase, generator)
    return changed


def affine_matrices(num: int, size: int, recipe: AugmentRecipe, generator: Generator) -> Tensor | None:
    """Draw ``num`` matrices (num, 2, 3) that map output to input coordinates in [-1, 1]; None if nothing moves.

    Enlarging to ``resize_to`` and cutting a random window of the original size, as the published code does, is the
    same as sampling with scale size / resize_to and an offset of whole pixels.
    """
    moves = recipe.flip_horizontal or recipe.rotation_degrees or recipe.zoom or recipe.shear or recipe.shift
    if not moves and recipe.resize_to <= size:
        return None
    flip = torch.where(_uniform(num, 0, 1, generator) < recipe.flip_horizontal, -1.0, 1.0)
    turn = math.radians(recipe.rotation_degrees)
    angle = _uniform(num, -turn, turn, generator)
    shear = _uniform(num, -recipe.shear, recipe.shear, generator)
    scale_y = _uniform(num, 1 - recipe.zoom, 1 + recipe.zoom, generator)
    scale_x = _uniform(num, 1 - recipe.zoom, 1 + recipe.zoom, generator)
    shift_y, shift_x = torch.zeros_like(flip), torch.zeros_like(flip)
    if recipe.resize_to > size:
        scale_y, scale_x = scale_y * (size / recipe.resize_to), scale_x * (size / recipe.resize_to)
        spare = recipe.resize_to - size
        shift_y, shift_x = (
            (2 * torch.randint(0, spare + 1, (num,), generator=generator, device=generator.device) - spare)
            / recipe.resize_to
            for _ in range(2)
        )
    if recipe.shift:
        shift_y, shift_x = (
            shift + _uniform(num, -2 * recipe.shift, 2 * recipe.shift, generator) for shift in (shift_y, shift_x)
        )
    cos, sin = angle.cos(), angle.sin()
    row_x = torch.stack([flip * scale_x * (cos + shear * sin), flip * scale_x * (shear * cos - sin), shift_x], dim=1)
    row_y = torch.stack([scale_y * sin, scale_y * cos, shift_y], dim=1)
    return torch.stack([row_x, row_y], dim=1)


def _geometry(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    matrices = affine_matrices(len(images), images.shape[-1], recipe, generator)
    if matrices is None:
        return images
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _intensity(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    num = len(images)
    if recipe.gamma:
        exponent = _uniform(num, -recipe.gamma, recipe.gamma, generator).exp().view(-1, 1, 1, 1)
        images = images.clamp(0.0, 1.0).pow_(exponent)
    if recipe.tone:
        images = _tone(images.clamp(0.0, 1.0), _uniform(num, -recipe.tone, recipe.tone, generator).view(-1, 1, 1, 1))
    if recipe.illumination:
        points = torch.randn(num, 1, _FIELD_POINTS, _FIELD_POINTS, generator=generator, device=images.device)
        rows, columns = (_bicubic(size, images.device) for size in images.shape[-2:])
        field = (rows @ points.mul_(recipe.illumination) @ columns.T).add_(1.0)
        images = field.mul_(images)
    if recipe.brightness:
        images = images + _uniform(num, -recipe.brightness, recipe.brightness, generator).view(-1, 1, 1, 1)
    if recipe.contrast != (1.0, 1.0):
        factor = _uniform(num, *recipe.contrast, generator).view(-1, 1, 1, 1)
        if recipe.contrast_about == "black":
            images = images * factor
        else:
            images = torch.lerp(images.mean(dim=(1, 2, 3), keepdim=True), images, factor)
    return images


def _tone(images: Tensor, strength: Tensor) -> Tensor:
    """Blend images in [0, 1] towards the curve 3x^2 - 2x^3 for a positive strength, its mirror image for a negative."""
    curve = images.mul(-2.0).add_(3.0).mul_(images).sub_(1.0).mul_(images)
    return curve.mul_(strength).add_(images).clamp_(0.0, 1.0)


@cache
def _bicubic(size: int, device: torch.device) -> Tensor:
    """Return float32 (size, points): the curve through each point of a side alone, interpolated bicubically."""
    alone = torch.eye(_FIELD_POINTS, device=device).view(_FIELD_POINTS, 1, _FIELD_POINTS, 1)
    curves = functional.interpolate(alone, size=(size, 1), mode="bicubic", align_corners=True)
    return curves.view(_FIELD_POINTS, size).T.contiguous()


def _coarsen(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Show some images as a smaller image enlarged again would look."""
    num, size = len(images), images.shape[-1]
    share = _uniform(num, _COARSEST, _FINEST, generator)
    chosen = (_uniform(num, 0, 1, generator) < probability).nonzero().flatten().tolist()
    if not chosen:
        return images
    coarse = images.clone()
    for row in chosen:
        side = max(8, round(size * float(share[row])))
        small = functional.interpolate(images[row : row + 1], size=(side, side), mode="area")
        coarse[row : row + 1] = functional.interpolate(small, size=(size, size), mode="bilinear", align_corners=False)
    return coarse


def _blur(images: Tensor, probability: float, generator: Generator) -> Tensor:
    num = len(images)
    sigma = _uniform(num, 0.3, _MAX_BLUR_SIGMA, generator)
    chosen = (_uniform(num, 0, 1, generator) < probability).nonzero().flatten()
    if not len(chosen):
        return images
    offsets = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma[chosen].unsqueeze(1)) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    stacked = images[chosen].transpose(0, 1)  # one group an image
    padded = functional.pad(stacked, (_BLUR_RADIUS,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, None, :, None], groups=len(chosen))
    both = functional.conv2d(rows, kernel[:, None, None, :], groups=len(chosen))
    blurred = images.clone()
    blurred[chosen] = both.transpose(0, 1)
    return blurred


def _erase(images: Tensor, probability: float, generator: Generator) -> Tensor:
    num, size = len(images), images.shape[-1]
    share = _uniform(num, *_ERASE_SHARE, generator)
    aspect = _uniform(num, -1.0, 1.0, generator).exp()
    height, width = (share * aspect).sqrt().clamp(max=1.0), (share / aspect).sqrt().clamp(max=1.0)
    top = _uniform(num, 0, 1, generator) * (1 - height)
    left = _uniform(num, 0, 1, generator) * (1 - width)
    level = _uniform(num, 0, 1, generator)
    erased = _uniform(num, 0, 1, generator) < probability
    place = (torch.arange(size, device=images.device) + 0.5) / size
    rows = (place >= top[:, None]) & (place < (top + height)[:, None])
    columns = (place >= left[:, None]) & (place < (left + width)[:, None])
    box = (rows[:, :, None] & columns[:, None, :] & erased[:, None, None]).unsqueeze(1)
    return torch.where(box, level.view(-1, 1, 1, 1), images)


def _uniform(num: int, low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(num, generator=generator, device=generator.device) * (high - low) + low
