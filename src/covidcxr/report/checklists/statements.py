"""What only an author knows: a small TOML file of statements, which fill the items that no artefact can.

``covidcxr evaluate --study FILE``: one ``key = "text"`` a line, any of `STATEMENTS`. The report keeps a copy beside the
checklists, so that an answer can be traced to it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from covidcxr.core.errors import EvaluationError

COPY = "study.toml"

STATEMENTS: Mapping[str, str] = {
    "background": "the clinical background",
    "population": "the target population",
    "inequalities": "what is known of inequalities in chest radiography",
    "dates": "the dates of acquisition, which the sources rarely give",
    "treatments": "that treatments are unknown, or which they were",
    "acquisition": "scanners and exposure, where the sources tell",
    "predictors": "why the image alone is used",
    "reference": "why the reference standard was chosen",
    "annotators": "who labelled the images, and how",
    "second_reading": "a second reading of the test images, or that there was none",
    "blinding": "whether readers knew the clinical picture",
    "users": "who would use it, and how",
    "ethics": "the ethical approval, or why none was needed",
    "funding": "the funding, and the funders' role",
    "conflicts": "the conflicts of interest",
    "registration": "a registration, or that there is none",
    "involvement": "how patients and public were involved, or that they were not",
}


def read_statements(path: Path) -> dict[str, str]:
    """Return the statements in ``path``.

    Raises:
        EvaluationError: If it cannot be read, or has another key or anything but texts.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(
            f"{path}: cannot be read ({error.strerror}); expected a TOML file of statements"
        ) from error
    except ValueError as error:
        raise EvaluationError(f'{path}: no TOML ({error}); expected lines such as funding = "none"') from None
    for key, value in content.items():
        if key not in STATEMENTS:
            raise EvaluationError(f"{path}: unknown statement {key!r}; known are {', '.join(STATEMENTS)}")
        if not isinstance(value, str) or not value.strip():
            raise EvaluationError(f'{path}: {key} is {value!r}; expected a text, such as {key} = "{STATEMENTS[key]}"')
    return {key: value.strip() for key, value in content.items()}


def statements_toml(statements: Mapping[str, str]) -> str:
    """Return the text of the copy that goes with a report."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in statements.items())
