"""Chaos: many specs at once, real processes killed at random moments, and a comparison with an undisturbed world."""
