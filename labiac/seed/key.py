"""The key of a copy, which no plan knows: its place in a seed, and how it gets there.

A plan is the same on every run, and a key pair is not. So a rendered seed holds a place for the
public key, which whoever carries it to a host fills.
"""

from __future__ import annotations

import hashlib

PLACE = "the-key-of-this-copy"
"""Stands in a seed where the public key belongs; no SSH server takes it for one."""
UNKEYED = "unkeyed"
"""Stands in an instance ID whose seed has a `PLACE`: another key makes another instance."""


def with_key(text: str, key: str) -> str:
    """Return *text* of a seed with the public *key* in its places."""
    return text.replace(PLACE, key).replace(UNKEYED, _short(key))


def without_key(text: str, key: str) -> str:
    """Return *text* of a seed as it was before it had *key*."""
    return text.replace(_short(key), UNKEYED).replace(key, PLACE)


def _short(key: str) -> str:
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
