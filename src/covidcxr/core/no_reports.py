"""Libraries that tell their makers of every use are told not to, before they are imported.

OpenVINO reports every import to Google Analytics; ONNX Runtime, Ray and MLflow report every start, with an id of the
machine. What is run in a hospital, and how often, is nobody else's business; and OpenVINO's report forks a process in
the middle of the work.
"""

from __future__ import annotations

import os
import sys

_SETTINGS = {
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}


def forbid_reports() -> None:
    """Keep these libraries from reporting; call it before importing one. What the caller has set stays."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # importing it fails, as if not installed
