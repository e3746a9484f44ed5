from __future__ import annotations

from pathlib import Path

import pytest

import bundles
from covidcxr.core.errors import MissingExtraError
from covidcxr.core.progress import Progress
from covidcxr.models.bundle import Bundle
from covidcxr.pipeline import train as module


class Messages(Progress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def message(self, text: str) -> None:
        self.said.append(text)


def test_without_the_extra_the_bundle_stays_as_it_is_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundles.tiny_bundle(tmp_path / "bundle")

    def missing(*_: object) -> None:
        raise MissingExtraError("onnx", "export", "exporting to ONNX")

    monkeypatch.setattr(module, "export_bundle", missing)
    progress = Messages()
    module.add_fastest_form(bundle.folder, progress)
    (sentence,) = progress.said
    assert sentence.startswith("The bundle has no model.onnx, so predictions use torch")
    assert "covidcxr[export]" in sentence
    assert Bundle.load(bundle.folder).onnx_path is None
