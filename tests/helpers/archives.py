"""DICOMweb archives for the tests: forty lines that answer as PS3.18 says, and a real Orthanc."""

from __future__ import annotations

import io
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom

ORTHANC_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
HAS_ORTHANC = shutil.which("Orthanc") is not None and ORTHANC_PLUGIN.exists()
_BOUNDARY = "--film--"
_LEVELS = [("StudyInstanceUID", "0020000D"), ("SeriesInstanceUID", "0020000E"), ("SOPInstanceUID", "00080018")]
_TOLD = {"Modality": "00080060", "ViewPosition": "00185101", "StudyDate": "00080020", "PatientID": "00100020"}


@contextmanager
def fake_archive(films: list[bytes], **behaviour: Any) -> Iterator[str]:  # noqa: C901
    """Serve ``films``; ``behaviour``: ``token`` to ask for, ``broken`` UIDs answered by 500, ``page`` size at most."""
    headers = [pydicom.dcmread(io.BytesIO(film), stop_before_pixels=True) for film in films]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            uids = re.findall(r"/(?:studies|series|instances)/([\d.]+)", url.path)
            below = [
                number
                for number, header in enumerate(headers)
                if all(header.get(keyword) == uid for (keyword, _), uid in zip(_LEVELS, uids, strict=False))
                and all(str(header.get(name, "")) == query[name] for name in _TOLD if name in query)
            ]
            if behaviour.get("token") and self.headers.get("Authorization") != f"Bearer {behaviour['token']}":
                self._send(401, b"", "text/plain")
            elif not url.path.startswith("/dicom-web"):
                self._send(200, b"<html>hello</html>", "text/html")
            elif url.path.endswith("/metadata"):
                self._send_json([self._answer(headers[below[0]], 3)])
            elif len(uids) == 3:
                fine = below and uids[2] not in behaviour.get("broken", ())
                body = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + films[below[0]]
                kind = f'multipart/related; type="application/dicom"; boundary="{_BOUNDARY}"'
                self._send(200 if fine else 500, body + f"\r\n--{_BOUNDARY}--\r\n".encode() if fine else b"", kind)
            else:
                found: dict[str, Any] = {}
                for number in below:
                    found.setdefault(headers[number][_LEVELS[len(uids)][0]].value, headers[number])
                start, size = int(query["offset"]), min(int(query["limit"]), behaviour.get("page", 1000))
                self._send_json([self._answer(header, len(uids) + 1) for header in found.values()][start:][:size])

        def _answer(self, header: Any, depth: int) -> dict[str, Any]:
            told = [*_LEVELS[:depth], *(_TOLD.items() if depth > 1 else ())]
            return {tag: {"vr": "CS", "Value": [str(header.get(keyword, ""))]} for keyword, tag in told}

        def _send_json(self, document: Any) -> None:
            self._send(200, json.dumps(document).encode(), "application/dicom+json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/dicom-web"
        finally:
            server.shutdown()


@contextmanager
def orthanc(folder: Path, films: list[bytes]) -> Iterator[str]:
    """Start Orthanc on free ports of loopback with ``films`` in it."""
    ports = [_free_port(), _free_port()]
    configuration = {
        "HttpPort": ports[0],
        "DicomPort": ports[1],
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(ORTHANC_PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{ports[0]}/system")
        for film in films:
            request = urllib.request.Request(f"http://127.0.0.1:{ports[0]}/instances", data=film, method="POST")
            urllib.request.urlopen(request).close()
        yield f"http://127.0.0.1:{ports[0]}/dicom-web"
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(url: str) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url).close()
        except urllib.error.URLError:
            assert time.monotonic() < end, "Orthanc does not start"
            time.sleep(0.1)
        else:
            return
