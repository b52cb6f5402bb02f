"""Add up a plain-text expense ledger."""
