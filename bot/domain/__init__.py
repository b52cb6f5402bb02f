"""Pure decisions: no I/O, no clock, no dbos, no HTTP, no git."""
