"""The images of a DICOMweb archive as inputs: searched by QIDO-RS, fetched by WADO-RS (PS3.18 10.6 and 10.4).

Images come in the transfer syntax they are stored in and are not written to disk; they are fetched where they are
decoded. Who may read is settled as `requests` does it (``~/.netrc``, proxies, ``REQUESTS_CA_BUNDLE``), or by a token in
``COVIDCXR_DICOMWEB_TOKEN``. What becomes of the images is not known here. An extra: ``pip install
'covidcxr[dicomweb]'``.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from covidcxr.core.errors import ArchiveError, ImageReadError, ImageTooLargeError, MissingExtraError

if TYPE_CHECKING:
    from covidcxr.imaging.dicom.facts import DicomFacts

TOKEN_VARIABLE = "COVIDCXR_DICOMWEB_TOKEN"  # noqa: S105
_PAGE = 200
_TIMEOUT_S = (10.0, 60.0)  # to connect, to read
_MAX_BYTES = 1 << 30
_ATTEMPTS = 4
_BUSY = (429, 502, 503, 504)
_STUDY, _SERIES, _INSTANCE, _MODALITY = "0020000D", "0020000E", "00080018", "00080060"
_PATIENT_ID = "00100020"
_RESOURCE = re.compile(
    r"(?P<root>.*?)(?:/studies(?:/(?P<study>[\d.]+)(?:/series(?:/(?P<series>[\d.]+)"
    r"(?:/instances(?:/(?P<instance>[\d.]+))?)?)?)?)?)?/?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFilm:
    """One instance of an archive; ``root`` is the URL of its service, ``patient_id`` empty if it is unknown."""

    root: str
    study: str
    series: str
    instance: str
    patient_id: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Where it is retrieved (PS3.18 10.4.1.1.1)."""
        return f"{self.root}/studies/{self.study}/series/{self.series}/instances/{self.instance}"

    def fetch(self, origin: str) -> bytes:
        """Return the image as a DICOM file, as it is stored.

        Args:
            origin: What messages call it; they never hold its UIDs.

        Raises:
            ImageReadError: If the archive answers that it cannot give this image; ``reason`` is ``unreachable``.
            ArchiveError: If the archive does not answer, or not to us.
        """
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        try:
            response = _get(self.root, self.url, accept=accept)
        except _NotInTimeError as error:
            raise ImageReadError(f"{origin}: {error}; ask its keeper", reason="unreachable") from None
        with response:
            if response.status_code != 200:
                raise ImageReadError(
                    f"{origin}: the archive answers {response.status_code} {response.reason}; ask its keeper",
                    reason="unreachable",
                )
            return _one_part(_bounded(response, origin), response.headers.get("Content-Type", ""), origin)

    def facts(self) -> DicomFacts | None:
        """Return what its header says (PS3.18 10.4.1.1.2), None if the archive does not tell.

        Raises:
            ArchiveError: If the archive does not answer, or not to us.
        """
        from covidcxr.imaging.dicom.facts import FACT_TAGS, facts_of

        with _get(self.root, f"{self.url}/metadata", accept="application/dicom+json") as response:
            try:
                (header,) = response.json()
                return facts_of({keyword: _value(header, tag) for keyword, tag in FACT_TAGS.items()})
            except (ValueError, TypeError, AttributeError):
                return None


class _NotInTimeError(ArchiveError):
    """A request that was taken but not answered."""


def is_url(text: str) -> bool:
    """Tell whether an input is named by its URL."""
    return text.lower().startswith(("http://", "https://"))


def search(url: str, *, modalities: frozenset[str] = frozenset()) -> Iterator[RemoteFilm]:
    """Yield the images below a DICOMweb URL: a service, a study, a series, or one instance.

    Studies come a page at a time in the archive's order; the series of a study, and the instances of a series, sorted
    by UID. A query (``?StudyDate=20200101-20200630&...``) chooses studies (PS3.18 8.3.4).

    Args:
        url: Such as ``https://archive/dicom-web`` or ``https://archive/dicom-web/studies/1.2.3``.
        modalities: Take only series of these, as far as the archive tells; all by default.

    Raises:
        ArchiveError: If the archive does not answer, not to us, or with something else than DICOM JSON.
    """
    place = urlsplit(url)
    asked = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}"
    found = _RESOURCE.fullmatch(asked)
    if found is None or place.username or place.password:
        raise ArchiveError(
            f"{asked}: expected the URL of a DICOMweb service, study, series or instance, without a password in it "
            f"(it belongs into ~/.netrc, or a token into {TOKEN_VARIABLE})"
        )
    root, study, series, instance = found.group("root", "study", "series", "instance")
    if instance:
        yield RemoteFilm(root=root, study=study, series=series, instance=instance)
        return
    if study:
        studies = iter([(study, _patient_of(root, study))])
    else:
        answers = _pages(root, f"{root}/studies", dict(parse_qsl(place.query)))
        studies = ((_value(one, _STUDY), _value(one, _PATIENT_ID)) for one in answers)
    for one_study, patient_id in studies:
        film = functools.partial(RemoteFilm, root=root, study=one_study, patient_id=patient_id)
        for one_series in [series] if series else _series(root, one_study, modalities):
            path = f"{root}/studies/{one_study}/series/{one_series}/instances"
            for uid in sorted({_value(one, _INSTANCE) for one in _pages(root, path, {})}):
                yield film(series=one_series, instance=uid)


def _patient_of(root: str, study: str) -> str:
    """Return the PatientID of a study, empty if the archive does not tell."""
    answers = _pages(root, f"{root}/studies", {"StudyInstanceUID": study})
    return next((_value(one, _PATIENT_ID) for one in answers if _value(one, _STUDY) == study), "")


def _series(root: str, study: str, modalities: frozenset[str]) -> list[str]:
    return sorted(
        {
            _value(one, _SERIES)
            for one in _pages(root, f"{root}/studies/{study}/series", {})
            if not modalities or _value(one, _MODALITY).upper() in {"", *modalities}
        }
    )


def _pages(root: str, url: str, filters: dict[str, str]) -> Iterator[dict[str, Any]]:
    offset, last = 0, None
    while True:
        query = {**filters, "limit": str(_PAGE), "offset": str(offset)}
        with _get(root, url, accept="application/dicom+json", query=query) as response:
            page = _answers(root, response)
        if not page or page == last:  # an archive that knows no offset gives the same page for ever
            return
        yield from page
        offset, last = offset + len(page), page


def _answers(root: str, response: Any) -> list[dict[str, Any]]:
    if response.status_code == 204:  # PS3.18 10.6.3.1: no match
        return []
    try:
        page = response.json() if response.status_code == 200 else None
    except ValueError:
        page = None
    if not isinstance(page, list) or not all(isinstance(one, dict) for one in page):
        raise ArchiveError(
            f"{root}: answers a search with {response.status_code} {response.reason} instead of DICOM JSON; is it the "
            "URL of a DICOMweb service (QIDO-RS)?"
        )
    return page


def _value(answer: dict[str, Any], tag: str) -> str:
    """Return the first value of an attribute in the DICOM JSON model (PS3.18 F.2.2), as text."""
    values = answer.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _get(root: str, url: str, *, accept: str, query: dict[str, str] | None = None) -> Any:
    requests = _requests()
    headers = {"Accept": accept}
    if token := os.environ.get(TOKEN_VARIABLE):
        headers["Authorization"] = f"Bearer {token}"
    try:
        response = _session(os.getpid()).get(url, params=query, headers=headers, timeout=_TIMEOUT_S, stream=True)
    except (requests.exceptions.RequestException, OSError) as error:
        if "Read timed out" in str(error):  # one image that the archive cannot give must not end a run
            raise _NotInTimeError(f"{root}: the archive takes a request but does not answer it in time") from None
        raise ArchiveError(
            f"{root}: the archive does not answer ({type(error).__name__}); run the same command again to go on"
        ) from None
    if response.status_code in (401, 403, *_BUSY):
        response.close()
        raise ArchiveError(
            f"{root}: the archive answers {response.status_code} {response.reason}; see ~/.netrc or {TOKEN_VARIABLE}, "
            "or run the same command again later to go on"
        )
    return response


@functools.lru_cache(maxsize=1)
def _session(process: int) -> Any:
    """Return the connections of this process, which retries what failed on the way or was put off."""
    requests = _requests()
    retry = importlib.import_module("urllib3").Retry(
        total=_ATTEMPTS,
        read=1,
        backoff_factor=0.5,
        status_forcelist=_BUSY,
        allowed_methods={"GET"},
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry, pool_maxsize=16))
    return session


def _requests() -> Any:
    try:
        return importlib.import_module("requests")
    except ImportError as error:
        raise MissingExtraError("requests", "dicomweb", "reading from a DICOMweb archive") from error


def _bounded(response: Any, origin: str) -> bytes:
    requests = _requests()
    data = bytearray()
    try:
        for piece in response.iter_content(1 << 20):
            data += piece
            if len(data) > _MAX_BYTES:
                raise ImageTooLargeError(f"{origin}: the archive sends more than 1 GiB; expected one radiograph")
    except requests.exceptions.RequestException as error:
        raise ImageReadError(
            f"{origin}: the transfer broke off ({type(error).__name__}); fetch it again", reason="unreachable"
        ) from None
    return bytes(data)


def _one_part(body: bytes, content_type: str, origin: str) -> bytes:
    """Return the one part of a multipart/related body (RFC 2387), or the body if it is none."""
    if not content_type.lower().startswith("multipart/"):
        return body
    boundary = re.search(r'boundary="?([^";,]+)"?', content_type)
    _, _, rest = body.partition(f"--{boundary[1]}".encode() if boundary else b"\r\n")
    _, head_end, part = rest.partition(b"\r\n\r\n")
    part, mark, _ = part.rpartition(f"\r\n--{boundary[1]}".encode() if boundary else b"")
    if not boundary or not head_end or not mark:
        raise ImageReadError(f"{origin}: the archive's answer is no multipart body that ends", reason="truncated")
    return part
