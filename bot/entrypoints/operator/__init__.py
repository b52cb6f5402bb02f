"""The operator's commands: what runs do, how the database is, and whether both are what they should be."""
