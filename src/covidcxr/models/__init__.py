"""One file an architecture, and the bundle that carries a trained one."""
