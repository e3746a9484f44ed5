"""``python -m benchmarks [NAME...]``: run all benchmarks, or those named, one after the other."""

from __future__ import annotations

import argparse
import pkgutil
import subprocess
import sys

import benchmarks

_NOT_BENCHMARKS = {"__main__", "record", "labels", "films", "in_memory", "edits", "views", "pairs_page"}


def names() -> list[str]:
    """Return the benchmarks' names, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in _NOT_BENCHMARKS)


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
