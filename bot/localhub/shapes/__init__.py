"""GitHub's JSON for each kind of thing: pure reading, one file a family."""
