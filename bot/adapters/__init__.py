"""Effects on the outside world; every adapter takes and returns domain types."""
