"""Training of the network that detects marks drawn on radiographs."""
