"""The demo: its sample project, its script, its driver."""
