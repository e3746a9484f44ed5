"""Where a benchmark's figures go: one JSON file a benchmark, with the command, the date and the machine."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def processor() -> str:
    """Return the processor's name and the number of cores this process may use."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        fields = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
        found = {key.strip(): value.strip() for key, _, value in fields}
        name = f"{found.get('model name', name)} (family {found.get('cpu family')}, model {found.get('model')})"
        flags = {"amx_bf16", "avx512_bf16", "avx2"} & set(found.get("flags", "").split())
        name = f"{name} with {', '.join(sorted(flags))}"
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def versions(*packages: str) -> dict[str, str]:
    """Return the installed version of each package."""
    return {package: metadata.version(package) for package in packages}


def write_result(name: str, figures: dict[str, Any], **context: Any) -> Path:
    """Write ``figures`` to results/NAME.json beside how and where they were measured, and print them."""
    document = {
        "benchmark": name,
        "figures": figures,
        "command": shlex.join(["python", "-m", f"benchmarks.{name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": processor(),
        "python": platform.python_version(),
        **context,
    }
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document, indent=2))
    return path
