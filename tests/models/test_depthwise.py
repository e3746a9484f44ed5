import pytest
import torch
from torch.nn import functional

from covidcxr.models.depthwise import depthwise_conv2d, same_padding


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(7, 7), (8, 8), (9, 12), (16, 10)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_those_of_a_plain_convolution(
    stride: int, kernel: int, size: tuple[int, int], layout: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 4, *size, dtype=torch.float64, generator=generator).to(memory_format=layout)
    weight = torch.randn(4, 1, kernel, kernel, dtype=torch.float64, generator=generator)
    images.requires_grad_()
    weight.requires_grad_()
    ours = depthwise_conv2d(images, weight, None, stride=stride)
    padded = functional.pad(images, same_padding(*size, kernel, stride))
    plain = functional.conv2d(padded, weight, stride=stride, groups=4)
    torch.testing.assert_close(ours, plain)
    gradient = torch.randn(ours.shape, dtype=torch.float64, generator=generator)
    ours_gradients = torch.autograd.grad(ours, (images, weight), gradient)
    plain_gradients = torch.autograd.grad(plain, (images, weight), gradient)
    torch.testing.assert_close(ours_gradients, plain_gradients)


def test_same_padding_gives_the_odd_pixel_to_the_right_and_the_bottom() -> None:
    assert same_padding(8, 8, 3, 2) == (0, 1, 0, 1)
    assert same_padding(7, 8, 5, 2) == (1, 2, 2, 2)
    assert same_padding(8, 8, 5, 1) == (2, 2, 2, 2)


@pytest.mark.parametrize("stride", [1, 2])
def test_on_another_device_than_a_cpu_the_gradients_stay_there(stride: int) -> None:
    images = torch.empty(2, 4, 9, 9, device="meta", requires_grad=True)
    weight = torch.empty(4, 1, 5, 5, device="meta", requires_grad=True)
    depthwise_conv2d(images, weight, None, stride=stride).sum().backward()
    assert images.grad is not None
    assert images.grad.device.type == "meta"
