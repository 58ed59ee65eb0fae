"""Secrets that we hand out once and keep as a digest: session references, links, recovery codes."""

import hashlib
import secrets

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def word(length: int) -> str:
    """That many random letters and digits; 8 make an id, 32 a secret of 190 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def reference() -> str:
    """256 random bits, for a cookie or a link."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept of a random secret. (Passwords, which people choose, need more: `passwords`.)"""
    return hashlib.sha256(secret.encode()).digest()
