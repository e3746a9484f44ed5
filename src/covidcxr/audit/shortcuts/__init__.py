"""One file an audit: a function from an `covidcxr.audit.context.AuditContext` to its result, registered by name."""

from __future__ import annotations

from collections.abc import Callable

from covidcxr.audit.context import AuditContext
from covidcxr.audit.result import AuditResult
from covidcxr.core.registry import Registry

Audit = Callable[[AuditContext], AuditResult]

AUDITS: Registry[Audit] = Registry("audit", "covidcxr.audit.shortcuts")
