"""The database's tables and their migrations."""
