"""Tests of the durable layer, each part on its own."""
