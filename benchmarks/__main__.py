"""``python -m benchmarks [NAME...]``: run all benchmarks, or those named, one after the other.

Those that need a bundle or a dataset say so and count as failed here: ``python -m benchmarks.NAME --help``.
"""

from __future__ import annotations

import argparse
import pkgutil
import subprocess
import sys

import benchmarks

_PARTS = {"__main__", "record", "labels", "films", "in_memory", "edits", "views", "pairs_page", "hostile_seeds"}
_MAKE_WEIGHTS = {"drawn_marks_train", "duplicates_projection"}  # they replace files of the package


def names() -> list[str]:
    """Return the benchmarks' names, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in _PARTS | _MAKE_WEIGHTS)


def main() -> int:
    """Run the named benchmarks and return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", choices=[*names(), []], help="all of them by default")
    failed = 0
    for name in parser.parse_args().name or names():
        print(f"== {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
