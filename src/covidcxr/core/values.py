"""Facts about patients and images as tables and DICOM headers write them: view, age, sex, patient, numbers.

This is the one reader of such values, for every source, hospital table and header. The verbatim value travels beside
what is made of it; what cannot be understood is unknown, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from covidcxr.core.types import Sex, View

MAX_AGE_YEARS = 120.0  # NIH ChestX-ray14 holds ages such as 155 and 414, which are typing errors

# The defined terms of ViewPosition are AP, PA, LL, RL, RLD, LLD, RLO and LLO (DICOM PS3.3 C.8.1.1, Table C.8-1). LL and
# RL are lateral projections. RLD and LLD, the lateral decubitus, say how the patient lies and not where the beam goes:
# the image is a frontal one, AP or PA. RLO and LLO are oblique. The last four name none of our projections: UNKNOWN.
_VIEWS = {
    **dict.fromkeys(("pa", "pa erect", "posteroanterior", "posterior anterior"), View.PA),
    **dict.fromkeys(
        ("ap", "ap erect", "ap semi erect", "ap portable", "anteroposterior", "anterior posterior"), View.AP
    ),
    **dict.fromkeys(("ap supine", "supine"), View.AP_SUPINE),
    **dict.fromkeys(("l", "ll", "rl", "lat", "lateral", "left lateral", "right lateral"), View.LATERAL),
    **dict.fromkeys(("axial", "coronal", "sagittal", "ct"), View.CT),
}
_MODALITIES = {
    **dict.fromkeys(("ct", "ct scan", "computed tomography"), "CT"),
    **dict.fromkeys(("x ray", "xray", "radiograph", "radiography", "cxr"), "DX"),
}

# Whole words in the languages of the public sources and of hospitals that validate; the single letters are those of
# DICOM PatientSex (M, F, O; PS3.3 C.7.1.1), the German w and the Cyrillic м and ж.
_SEXES = {
    Sex.MALE: "m male man men boy masculine hombre varón masculino homem homme masculin garçon uomo maschio maschile "
    "mann männlich maennlich mannelijk mężczyzna muž мужской мужчина муж м erkek masculí mand manlig mies άνδρας "
    "ذكر זכר 男 男性 남 남성 남자 पुरुष nam",
    Sex.FEMALE: "f female woman women girl feminine mujer hembra femenino feminino mulher femme féminin feminin fille "
    "donna femmina femminile frau weiblich w vrouw vrouwelijk kobieta žena женский женщина жен ж kadın femení kvinde "
    "kvinna kvinnlig nainen γυναίκα أنثى נקבה 女 女性 여 여성 여자 महिला nữ",
    Sex.OTHER: "o other diverse divers otro outro autre altro",
}
_DOUBTFUL_LETTERS = ("h", "v")  # beside them, m may be mujer or mulher: see `read_sexes`

_DECADE = re.compile(r"(early|mid|late)?\s*-?\s*(\d{1,2})0'?s")
_DECADE_YEARS = {"early": 2.0, "mid": 5.0, "late": 8.0, None: 5.0}
_AGE = re.compile(r"[>≥~]?\s*=?\s*(\d{1,3}(?:\.\d+|,\d{1,2})?)\s*\+?\s*(?:y|yrs?|years?|y/?o|years? old)?\.?")
_DICOM_AGE = re.compile(r"(\d{1,3})([dwmy])")  # value representation AS, DICOM PS3.5 6.2
_DAYS = {"d": 1.0, "w": 7.0, "m": 30.4375, "y": 365.25}

_WORDS_FOR_UNKNOWN = (  # without case, spaces and punctuation
    "na nan nat none null nil unknown unk unnamed undefined missing notavailable notknown notgiven notstated "
    "noid noname nopatient nopatientid patientid patient patientname test testpatient patienttest anon anonym "
    "anonymous anonymized anonymised anonymouspatient anonymizedpatient anonymisedpatient patientanonymous "
    "deidentified removed redacted hidden blank empty dummy tbd desconocido sindatos anónimo anonimo inconnu anonyme "
    "sconosciuto desconhecido unbekannt keineangabe ohneangabe onbekend anoniem nieznany неизвестно неизвестен "
    "нетданных аноним bilinmiyor 未知 不明 不详 匿名 无 미상 익명"
)
_NOBODY = re.compile(r"[-\u2212]\d+(\.0)?|k\. ?a\.?|n\.?[/.] ?d\.?|s/d")  # codes and abbreviations, with their signs


def read_view(text: str) -> View:
    """Return the projection that ``text`` names; UNKNOWN for a blank, "?" and everything unheard of."""
    return _VIEWS.get(_spaced(text), View.UNKNOWN)


def read_view_position(text: str) -> View:
    """Return the projection that a DICOM ViewPosition names (PS3.3 C.8.1.1); an axial radiograph is no CT slice."""
    view = read_view(text)
    return View.UNKNOWN if view is View.CT else view


def read_modality(text: str) -> str:
    """Return the modality in DICOM terms: CT for "ct", DX for "X-ray", others in capitals, UNKNOWN for a blank."""
    return _MODALITIES.get(_spaced(text), text.strip().upper()) or "UNKNOWN"


def read_sex(text: str) -> Sex | None:
    """Return the sex that a whole word names (M, female, Mujer, männlich, 女, ...); None otherwise, never a guess."""
    return _SEX_OF_WORD.get(_folded(text))


def read_sexes(column: Iterable[str]) -> list[Sex | None]:
    """Return the sexes of one column of a table, whose words explain one another.

    An M beside H (hombre, homem, homme) or V (varón, vrouw) may be mujer, mulher or man: it is unknown there, unless
    F is used as well.
    """
    values = list(column)
    words = {_folded(value) for value in values}
    is_doubtful = "f" not in words and not words.isdisjoint(_DOUBTFUL_LETTERS)
    return [None if is_doubtful and _folded(value) == "m" else read_sex(value) for value in values]


def read_age(text: str) -> float | None:
    """Return an age in years, or None.

    "65" is 65, "65,5" and "65.5 years" 65.5, "50+" and ">50" their bound, "mid 50s" 55 ("early" 52, "late" 58), and a
    DICOM age string "058Y" 58, "003M" 0.25. Beyond 120 years it is an error of the source and None.
    """
    age = unicodedata.normalize("NFKC", text).strip().casefold().replace("\u2019", "'")
    years: float | None = None
    if match := _DICOM_AGE.fullmatch(age):
        years = float(match[1]) if match[2] == "y" else float(match[1]) * _DAYS[match[2]] / _DAYS["y"]
    elif match := _DECADE.fullmatch(age):
        years = float(match[2]) * 10.0 + _DECADE_YEARS[match[1]]
    elif match := _AGE.fullmatch(age):
        years = float(match[1].replace(",", "."))
    return years if years is not None and years <= MAX_AGE_YEARS else None


def read_patient(text: str) -> str | None:
    """Return a patient's identity as it is written, stripped, or None where the text names nobody.

    Nobody is named by a blank, by signs alone ("-", "?"), by zeros alone, by a negative number (-1, -99), by one letter
    three times or more ("xxx"), or by a word for unknown ("NA", "nan", "None", "ANONYMOUS", "unbekannt").
    """
    name = _folded(text.strip("\0 ^"))
    key = re.sub(r"[\W_]", "", name)
    is_filler = len(key) > 2 and len(set(key)) == 1 and key.isalpha()
    names_nobody = not key.strip("0") or is_filler or key in _UNKNOWN_PATIENTS or _NOBODY.fullmatch(name)
    return None if names_nobody else text.strip("\0 \t\r\n")


def read_number(text: str) -> float | None:
    """Return a plain decimal number, or None ("", "?", "38+")."""
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text.strip()) else None


def join_notes(*notes: str) -> str:
    """Return the non-empty notes as one line, separated by " | "."""
    return " | ".join(" ".join(note.split()) for note in notes if note.strip())


def _folded(text: str) -> str:
    """Return ``text`` without case and without what spells one letter in two ways (Turkish i, full width)."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.replace("i\u0307", "i").replace("ı", "i").strip().rstrip(".")


def _spaced(text: str) -> str:
    return re.sub(r"[\s_/-]+", " ", _folded(text)).strip()


_UNKNOWN_PATIENTS = frozenset(_folded(word) for word in _WORDS_FOR_UNKNOWN.split())
_SEX_OF_WORD = {_folded(word): sex for sex, words in _SEXES.items() for word in words.split()}
