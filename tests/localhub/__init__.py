"""Localhub, driven from outside: a real server process, and clients that know nothing of it."""
