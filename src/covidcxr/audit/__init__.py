"""What a score is worth: shortcut audits of one network on one dataset, and a verdict from them.

One file of ``shortcuts/`` is one audit; each takes an `covidcxr.audit.context.AuditContext` and returns an
`covidcxr.audit.result.AuditResult`. `covidcxr.audit.run.run_audits` runs them, `covidcxr.audit.verdict.decide` weighs
them. The figures of the cohort itself are ``evaluation``'s.
"""
