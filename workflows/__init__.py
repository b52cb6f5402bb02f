"""The durable layer: the only importer of dbos. It records, wakes, and makes moves; it decides nothing."""
