"""Stories: real processes, real git, a real database, and people with tokens of their own."""
