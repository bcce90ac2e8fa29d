"""labiac: networking labs as code.

``from labiac import Lab`` is the Pulumi component; it is imported only then, so that everything
else of labiac starts without Pulumi.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labiac.provider.component import Lab

__all__ = ["Lab", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Lab":
        from labiac.provider.component import Lab

        return Lab
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
