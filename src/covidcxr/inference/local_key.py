"""The key of the pseudonyms of this account, made when it is first needed."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from covidcxr.core.artefacts import explain_os_error
from covidcxr.core.errors import OutputError

KEY_BYTES = 32


def local_key() -> bytes:
    """Return the secret in ``$XDG_CONFIG_HOME/covidcxr/pseudonyms.key``, readable by its owner only.

    Raises:
        OutputError: If it cannot be read or written, or is no key.
    """
    path = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "covidcxr" / "pseudonyms.key"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise OutputError(
            f"{path}: {explain_os_error(error)}; give another key by --pseudonyms KEYFILE, or --identified"
        ) from error
    if len(key) < KEY_BYTES:
        raise OutputError(
            f"{path}: {len(key)} bytes, expected a key of {KEY_BYTES}; remove it for a new one (and new pseudonyms)"
        )
    return key


def _make(path: Path) -> None:
    """Write a new key whole or not at all; of several processes that do so at once, one succeeds."""
    descriptor, partial = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
    finally:
        Path(partial).unlink()
