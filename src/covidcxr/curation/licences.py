"""Which uses a licence allows, from the many ways in which sources write one.

A licence is read only where every word of it is understood; of anything else, and of a blank, no use is believed to be
allowed. This reads names; it is no legal advice.
"""

from __future__ import annotations

import re

COMMERCIAL, DERIVATIVES, REDISTRIBUTION = "commercial", "derivatives", "redistribution"
_ALL = frozenset({COMMERCIAL, DERIVATIVES, REDISTRIBUTION})

# The terms of NIH ChestX-ray14 set no condition but citation and a link (ChestX-ray14 README, 2017).
_NIH = "free use with citation and a link to the nih clinical center"
_FREE = re.compile(
    r"apache( version)? ?2(\.0)?|mit|bsd( \d clause)?|(cc ?0( 1\.0)?( universal)?)?( ?public domain)?( dedication)?"
)
_ADDRESS = re.compile(r"(https?://)?(www\.)?creativecommons\.org/(licenses|publicdomain)/(?P<name>[a-z-]+)(/.*)?")
_SPELT_OUT = {
    r"non commercial|noncommercial": "nc",
    r"no deriv(ative)?s|noderiv(ative)?s": "nd",
    r"share alike|sharealike": "sa",
    "creative commons": "cc",
    "attribution": "by",
}
_WORDS = {"cc", "by", "nc", "nd", "sa", "international", "unported", "generic", "igo", "public", "deed"}


def allowed_uses(licence: str) -> frozenset[str]:
    """Return which of ``commercial``, ``derivatives`` and ``redistribution`` a licence allows.

    "CC BY-NC-SA 4.0", "cc by nc sa", "Creative Commons Attribution 4.0 International" and the addresses of
    creativecommons.org are read, and the plain free licences (Apache 2.0, MIT, BSD, CC0, public domain).
    """
    text = licence.strip().casefold()
    if text == _NIH:
        return _ALL
    address = _ADDRESS.fullmatch(text)
    if address is not None:
        text = {"zero": "cc0", "mark": "public domain"}.get(address["name"], f"cc {address['name']}")
    text = _plain(text)
    if text and _FREE.fullmatch(text):
        return _ALL
    words = set(text.split())
    unknown = {word for word in words - _WORDS if not re.fullmatch(r"\d(\.\d)?", word)}
    if unknown or not {"cc", "by"} <= words:
        return frozenset()
    return _ALL - ({COMMERCIAL} if "nc" in words else set()) - ({DERIVATIVES} if "nd" in words else set())


def _plain(text: str) -> str:
    """Return ``text`` as words and numbers between single spaces, conditions by their short names."""
    plain = re.sub(r"\b(the|licen[cs]e)\b", " ", re.sub(r"[^\w.]+", " ", text))
    for pattern, short in _SPELT_OUT.items():
        plain = re.sub(rf"\b({pattern})\b", short, plain)
    return " ".join(plain.split())
