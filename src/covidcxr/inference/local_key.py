"""The key of the pseudonyms of this account, made when it is first needed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from covidcxr.core.artefacts import explain_os_error
from covidcxr.core.errors import OutputError

KEY_BYTES = 32


def local_key() -> bytes:
    """Return the secret in ``$XDG_CONFIG_HOME/covidcxr/pseudonyms.key``, readable by its owner only.

    Raises:
        OutputError: If it cannot be read or written.
    """
    path = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "covidcxr" / "pseudonyms.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes()
        with os.fdopen(descriptor, "wb") as stream:
            key = secrets.token_bytes(KEY_BYTES)
            stream.write(key)
        return key
    except OSError as error:
        raise OutputError(f"{path}: {explain_os_error(error)}; give another key by --pseudonyms KEYFILE") from error
