"""Issuewright: a labelled issue becomes a reviewed, merged pull request."""

__version__ = "0.1.0"
