"""One file a public source: where it lives and how its metadata reads."""
