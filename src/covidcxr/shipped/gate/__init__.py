"""Training of the network behind the input gate."""
