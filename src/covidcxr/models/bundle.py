"""The bundle: a folder that carries a trained network and everything needed to use it honestly.

``model.safetensors`` (weights), ``bundle.json`` (`BundleInfo`), ``MODEL_CARD.md``, optionally ``model.onnx`` and
``model-int8.onnx`` with what their ``.parity.json`` measured, and ``SHA256SUMS`` over them all. No pickle is written or
read. Reading a bundle does not import torch until `Bundle.network` is called. How predictions are made from it is not
known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from covidcxr.core.artefacts import atomic_directory, write_bytes, write_text
from covidcxr.core.checksums import SUMS_FILE, parse_checksums, write_checksums
from covidcxr.core.digests import bytes_sha256, file_sha256
from covidcxr.core.errors import BundleError, CovidCxrError, MissingExtraError
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import stored_recipe
from covidcxr.models.bundle_info import FORMAT_VERSION, BundleInfo, BundleVersion
from covidcxr.models.card import model_card

if TYPE_CHECKING:
    from covidcxr.models.network import ChestNetwork

WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
INT8 = "model-int8.onnx"
INFO = "bundle.json"
CARD = "MODEL_CARD.md"
_NOT_A_BUNDLE = "; expected the folder `bundle` of a training run, not a dataset"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle on disk whose files were checked against their digests.

    Attributes:
        folder: Where it is.
        info: Its description.
        bundle_id: First 12 digits of the digest of its description and weights.
    """

    folder: Path
    info: BundleInfo
    bundle_id: str
    _digests: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, folder: Path | str, *, verify: bool = True) -> Bundle:
        """Read the bundle in ``folder``; ``verify`` compares every file with SHA256SUMS.

        Raises:
            BundleError: If it is missing, partial, altered, or written by a newer release.
        """
        folder = Path(folder)
        digests = _read_sums(folder)
        for name in (INFO, WEIGHTS, *digests):
            if not (folder / name).is_file() or name not in digests:
                raise BundleError(
                    f"{folder}: no {name} (or not in {SUMS_FILE}); the bundle is partial, train or copy it again"
                )
        info_text = (folder / INFO).read_bytes()
        if verify:
            _verify(folder, digests, info_text)
        return cls(folder=folder, info=_parse(folder, info_text), bundle_id=_bundle_id(digests), _digests=digests)

    def network(self) -> ChestNetwork:
        """Return the network with its weights, in evaluation mode, on the CPU (imports torch).

        Raises:
            BundleError: If the weights do not fit the architecture.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from covidcxr.models.build import network_with_weights

        info = self.info
        try:
            return network_with_weights(
                load_file(self.folder / WEIGHTS),
                info.network.name,
                num_classes=len(info.classes),
                preprocess=info.preprocess.spec(),
                options=info.network.options,
            )
        except MissingExtraError:
            raise
        except CovidCxrError as error:
            raise BundleError(f"{self.folder / INFO}: {error}") from error
        except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, MemoryError) as error:
            raise BundleError(
                f"{self.folder / WEIGHTS}: does not fit network {info.network.name!r}: {error}"
            ) from error

    @cached_property
    def recipe(self) -> Recipe | None:
        """The recipe it was trained by; None if it carries none, or none that this release understands."""
        return stored_recipe(self.info.recipe, where=str(self.folder / INFO))

    @property
    def onnx_path(self) -> Path | None:
        """The ONNX file of the bundle, or None if it has none."""
        return self.folder / ONNX if ONNX in self._digests else None

    @property
    def int8_path(self) -> Path | None:
        """The ONNX file in eight bits, or None if it has none."""
        return self.folder / INT8 if INT8 in self._digests else None


def _verify(folder: Path, digests: dict[str, str], info_text: bytes) -> None:
    """Compare the files with their digests, several at a time: the weights are most of what a cold start reads."""
    with ThreadPoolExecutor() as pool:
        found = dict(zip(digests, pool.map(file_sha256, [folder / name for name in digests]), strict=True))
    found[INFO] = bytes_sha256(info_text)  # of what is parsed, not of what may lie there by now
    for name, digest in digests.items():
        if found[name] != digest:
            raise BundleError(
                f"{folder / name}: SHA-256 is {found[name][:12]}..., {SUMS_FILE} says {digest[:12]}...; "
                "the file was altered or damaged, copy the bundle again"
            )


def save_bundle(folder: Path, network: ChestNetwork, info: BundleInfo) -> Bundle:
    """Write ``network`` and ``info`` as a bundle, atomically, and return it.

    Raises:
        OutputError: If the place cannot be written.
    """
    from covidcxr.models.tensor_file import write_tensors

    with atomic_directory(folder) as partial:
        write_tensors(partial / WEIGHTS, network.state_dict())
        (partial / INFO).write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (partial / CARD).write_text(model_card(info), encoding="utf-8")
        write_sums(partial)
    return Bundle.load(folder, verify=False)


def update_info(bundle: Bundle, info: BundleInfo) -> Bundle:
    """Replace the description of a bundle (after calibration or evaluation) and return it, with its new id."""
    info = info.model_copy(update={"format_version": FORMAT_VERSION})
    write_text(bundle.folder / INFO, info.model_dump_json(indent=2) + "\n")
    write_text(bundle.folder / CARD, model_card(info))
    return refresh_sums(bundle.folder)


def refresh_sums(folder: Path) -> Bundle:
    """Write SHA256SUMS anew after a file was added (``model.onnx``) or replaced, and return the bundle."""
    write_sums(folder)
    return Bundle.load(folder, verify=False)


def add_files(folder: Path, files: Mapping[str, bytes]) -> Bundle:
    """Put files, by name, into a bundle or in place of those there, and return it.

    They leave SHA256SUMS before they are written and enter it after: a kill in between leaves a bundle without them,
    not one that is refused or that holds a file nobody proved.

    Raises:
        OutputError: If the folder cannot be written.
    """
    write_checksums(folder, (name for name in _read_sums(folder) if name not in files))
    for name, content in files.items():
        write_bytes(folder / name, content)
    return refresh_sums(folder)


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over every other file of ``folder``, in the format of ``sha256sum --check``."""
    names = (path.name for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    write_checksums(folder, (name for name in names if name != SUMS_FILE))


def _read_sums(folder: Path) -> dict[str, str]:
    path = folder / SUMS_FILE
    if not path.is_file():
        found = "no such folder" if not folder.is_dir() else f"no {SUMS_FILE} in it"
        raise BundleError(f"{folder}: {found}; expected a bundle, the folder `bundle` of a training run")
    try:
        digests = parse_checksums(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise BundleError(f"{path}: not a text file{_NOT_A_BUNDLE}") from None
    except ValueError as error:
        raise BundleError(f"{path}: {error}{_NOT_A_BUNDLE}") from None
    for name in digests:
        if "/" in name or "\\" in name or not name.isprintable():
            raise BundleError(f"{path}: cannot understand the file name {name!r}{_NOT_A_BUNDLE}")
    return digests


def _bundle_id(digests: dict[str, str]) -> str:
    return bytes_sha256(f"{digests[INFO]}{digests[WEIGHTS]}".encode())[:12]


def _parse(folder: Path, text: bytes) -> BundleInfo:
    """Read bundle.json of this format version or an older one (each keeps its bundle in tests/golden)."""
    try:
        version = BundleVersion.model_validate_json(text).format_version
        if version > FORMAT_VERSION:
            raise BundleError(
                f"{folder / INFO}: format version {version}, this release reads up to {FORMAT_VERSION}; update covidcxr"
            )
        info = BundleInfo.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise BundleError(
            f"{folder / INFO}: {where}: {fault['msg']}; written by another release of covidcxr?"
        ) from None
    return info
