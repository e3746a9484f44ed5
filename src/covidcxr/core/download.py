"""One file over HTTP: resumed where it stopped, retried where the line drops, verified by size and SHA-256.

Written on urllib because pooch, which verifies and caches well, starts every interrupted file from zero, and the
archives here have up to 4 GB. What is downloaded, and what becomes of it, is known to ``fetch``.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from covidcxr.core.artefacts import writing_to
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import SourceError
from covidcxr.core.progress import SILENT, Progress

CHUNK_BYTES = 1 << 20  # a chunk is a step of the progress bar, which so counts MiB
_DROPPED = (http.client.HTTPException, ConnectionError, TimeoutError)


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    progress: Progress = SILENT,
    attempts: int = 5,
    pause_seconds: float = 2.0,
    timeout_seconds: float = 60.0,
) -> Path:
    """Download ``url`` to ``target`` and return it; a ``target`` that is there and verifies is kept.

    What arrives is kept in ``target`` + ``.part`` with the server's validator beside it, so that a later call asks
    only for the rest (RFC 9110, Range and If-Range). A server that cannot resume sends everything again.

    Raises:
        SourceError: If the origin cannot be reached, refuses, keeps dropping the line, or sends other bytes.
        OutputError: If ``target`` cannot be written.
    """
    if target.is_file() and _fault(target, size, sha256) is None:
        return target
    part = target.with_name(target.name + ".part")
    with writing_to(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(attempts):
        try:
            _receive(url, part, progress=progress, timeout_seconds=timeout_seconds)
            break
        except _DROPPED as error:
            if attempt == attempts - 1:
                raise SourceError(
                    f"{url}: the connection dropped {attempts} times ({_reason(error)}); what arrived is kept in "
                    f"{part}; run the same command again to go on from there"
                ) from None
            progress.message(f"{target.name}: the connection dropped; going on from what arrived")
            time.sleep(pause_seconds * attempt)
    fault = _fault(part, size, sha256)
    if fault:
        discard(part)
        raise SourceError(
            f"{url}: {fault}; the download was thrown away; the origin has changed, or something altered it"
        )
    with writing_to(target):
        part.replace(target)
        _validator_path(part).unlink(missing_ok=True)
    return target


def discard(part: Path) -> None:
    """Remove a partial download and its validator."""
    part.unlink(missing_ok=True)
    _validator_path(part).unlink(missing_ok=True)


def _receive(url: str, part: Path, *, progress: Progress, timeout_seconds: float) -> None:
    have = part.stat().st_size if part.is_file() else 0
    validator = _read_validator(part, url) if have else ""
    headers = {"User-Agent": "covidcxr (research use)", "Accept-Encoding": "identity"}
    if have and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  the scheme is checked in `_open`
    with _open(request, timeout_seconds) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        if resumed and not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
            discard(part)
            raise http.client.HTTPException("the server resumed at another place")
        length = int(response.headers["Content-Length"]) if response.headers.get("Content-Length") else None
        start = have if resumed else 0
        total = None if length is None else -(-(start + length) // CHUNK_BYTES)
        _write_validator(part, url, response.headers.get("ETag") or response.headers.get("Last-Modified") or "")
        with writing_to(part):
            stream = part.open("ab" if resumed else "wb")
        with stream:
            label = f"downloading {part.name.removesuffix('.part')} (MiB)"
            for chunk in progress.track(_chunks(response, start), total=total, label=label):
                with writing_to(part):
                    stream.write(chunk)
    received = part.stat().st_size - start
    if length is not None and received < length:
        raise http.client.IncompleteRead(b"", length - received)


def _chunks(response: http.client.HTTPResponse, start: int) -> Iterator[bytes]:
    """Yield what arrives in chunks; first one empty chunk for every MiB that an earlier call already has."""
    for _ in range(start // CHUNK_BYTES):
        yield b""
    while chunk := response.read(CHUNK_BYTES):
        yield chunk


def _open(request: urllib.request.Request, timeout_seconds: float) -> http.client.HTTPResponse:
    url = request.full_url
    if urlsplit(url).scheme not in {"http", "https"}:
        raise SourceError(f"{url}: not an http or https address; expected the address of a public origin or a mirror")
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_seconds)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            request.remove_header("Range")
            request.remove_header("If-range")
            return _open(request, timeout_seconds)
        raise SourceError(_refusal(url, error.code)) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionResetError | TimeoutError):
            raise ConnectionResetError(str(error.reason)) from None
        host = urlsplit(url).netloc
        raise SourceError(
            f"{host}: cannot be reached ({error.reason}); check the network or the proxy, or put the source's "
            "folder in place by hand (covidcxr sources list shows where it belongs)"
        ) from None
    return response


def _refusal(url: str, code: int) -> str:
    reason = http.HTTPStatus(code).phrase if code in set(http.HTTPStatus) else "unknown status"
    hint = "the origin has moved or withdrawn it" if code in {404, 410} else "try again later"
    return f"{url}: refused with HTTP {code} ({reason}); {hint}, or put the source's folder in place by hand"


def _fault(path: Path, size: int | None, sha256: str | None) -> str | None:
    found = path.stat().st_size
    if size is not None and found != size:
        return f"{found} bytes arrived, expected {size}"
    if sha256 is not None and (digest := file_sha256(path)) != sha256:
        return f"SHA-256 is {digest}, expected {sha256}"
    return None


def _validator_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_validator(part: Path, url: str) -> str:
    try:
        saved = json.loads(_validator_path(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(saved.get("validator", "")) if isinstance(saved, dict) and saved.get("url") == url else ""


def _write_validator(part: Path, url: str, validator: str) -> None:
    strong = "" if validator.startswith("W/") else validator  # a weak ETag may not be used with If-Range
    with writing_to(part):
        _validator_path(part).write_text(json.dumps({"url": url, "validator": strong}), encoding="utf-8")


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
