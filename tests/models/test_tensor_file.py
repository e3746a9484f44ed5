from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from covidcxr.models.tensor_file import write_tensors


def test_tensors_of_any_layout_come_back(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.zeros(0)}
    write_tensors(tmp_path / "x.safetensors", tensors)
    loaded = load_file(tmp_path / "x.safetensors")
    assert torch.equal(loaded["a"], tensors["a"])
    assert loaded["b"].shape == (0,)


def test_a_place_that_is_not_there_is_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_tensors(tmp_path / "none" / "x.safetensors", {"a": torch.zeros(1)})
    assert caught.value.filename == str(tmp_path / "none" / "x.safetensors")
