"""The matrix of 1,000 nodes: labiac's, and that of a plain walk from node to node."""

from __future__ import annotations

import sys

from rivals import HERE, PROJECT, Figures
from timing import run


def labiac(copies: int) -> Figures:
    """Return the figures of labiac's matrix."""
    return _figures("labiac", copies)


def plain(copies: int) -> Figures:
    """Return the figures of the plain walk, which fails where it disagrees with labiac's."""
    return _figures("plain", copies)


def _figures(whose: str, copies: int) -> Figures:
    del copies
    script = [sys.executable, f"{HERE}/plain_walk.py", whose]
    return run(script, env={"PYTHONPATH": str(PROJECT)}).figures()
