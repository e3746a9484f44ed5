"""The verbs that join several rooms: evaluate, run."""
