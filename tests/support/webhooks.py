"""Signing webhooks as GitHub does."""

import hashlib
import hmac

SECRET = "a webhook's secret"


def signature(body: bytes, secret: str = SECRET) -> str:
    """The header X-Hub-Signature-256 of a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
