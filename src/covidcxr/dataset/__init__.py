"""The dataset artefact on disk: read, write, verify; the packed image array that training maps."""
