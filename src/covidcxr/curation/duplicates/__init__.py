"""Near-duplicates: images that were cropped, scaled, re-exposed, tilted, mirrored or drawn upon are found."""

from covidcxr.curation.duplicates.confirm import MIN_SCORE, Confirmation, confirm
from covidcxr.curation.duplicates.features import ImageFeatures, compute_features
from covidcxr.curation.duplicates.find import compare_candidates, find_duplicates
from covidcxr.curation.duplicates.grouping import group, group_rows
from covidcxr.curation.duplicates.hashes import near_hashes
from covidcxr.curation.duplicates.pairs import DuplicatePair, DuplicatePairs, write_pairs

__all__ = [
    "MIN_SCORE",
    "Confirmation",
    "DuplicatePair",
    "DuplicatePairs",
    "ImageFeatures",
    "compare_candidates",
    "compute_features",
    "confirm",
    "find_duplicates",
    "group",
    "group_rows",
    "near_hashes",
    "write_pairs",
]
