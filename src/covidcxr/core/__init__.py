"""The types that travel, labels, errors, registry, recipes, digests."""
