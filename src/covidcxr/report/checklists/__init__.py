"""The evidence pack: what a reviewer's checklists ask, answered from artefacts where they have the answer."""
