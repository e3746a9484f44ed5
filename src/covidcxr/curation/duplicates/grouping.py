"""Groups that must not be divided: images of one patient, and duplicates of one image, joined in one pass.

Works on arrays, because an archive has millions of records. A group is called by the smallest patient in it or, where
no patient is known, by the smallest image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def group(
    ids: Sequence[str], pairs: Iterable[tuple[str, str]], patients: Sequence[str | None] | None = None
) -> dict[str, str]:
    """Return id to the name of its group.

    Args:
        ids: Images; unique.
        pairs: Copies, as pairs of ids; a pair with an id that is not in ``ids`` is ignored.
        patients: The patient of each image, None where unknown; no patients at all if None.
    """
    rows = {name: row for row, name in enumerate(ids)}
    known = [(rows[first], rows[second]) for first, second in pairs if first in rows and second in rows]
    links = np.array(known, np.int64).reshape(-1, 2)
    owners = list(patients) if patients is not None else [None] * len(ids)
    names = sorted({patient for patient in owners if patient is not None})
    numbers = {name: number for number, name in enumerate(names)}
    patient_rows = np.array([numbers[patient] if patient is not None else -1 for patient in owners], np.int64)
    groups = group_rows(len(ids), links[:, 0], links[:, 1], patient_rows)
    called: dict[int, str] = {}
    for number, patient in zip(groups.tolist(), owners, strict=True):
        if patient is not None and patient < called.get(number, "\U0010ffff"):
            called[number] = patient
    for number, name in sorted(zip(groups.tolist(), ids, strict=True)):
        called.setdefault(number, name)
    return dict(zip(ids, (called[number] for number in groups.tolist()), strict=True))


def group_rows(
    num_images: int,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    patients: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return int64 (num_images,) group numbers: rows joined by pairs (first, second) or by one patient.

    ``patients`` int64 (num_images,) are any non-negative numbers, -1 where unknown. A group's number is the smallest
    row in it.
    """
    nodes = num_images
    left, right = [first], [second]
    if patients is not None:
        rows = np.flatnonzero(patients >= 0)
        _, owner = np.unique(patients[rows], return_inverse=True)
        left.append(rows)
        right.append(num_images + owner.astype(np.int64))
        nodes += int(owner.max()) + 1 if len(rows) else 0
    links = np.concatenate(left), np.concatenate(right)
    graph = coo_matrix((np.ones(len(links[0]), np.int8), links), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=False)
    component = component[:num_images]
    _, smallest, inverse = np.unique(component, return_index=True, return_inverse=True)
    numbers: NDArray[np.int64] = smallest[inverse].astype(np.int64)
    return numbers
