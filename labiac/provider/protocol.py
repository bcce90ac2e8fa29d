"""Pulumi's gRPC messages, without the rest of its SDK.

The engine starts this plugin up to four times in one ``pulumi up``, and only Construct needs more
of the SDK, whose import takes twice as long as all the rest (docs/decisions/0006). The messages
are the SDK's own files: whoever imports it as well gets the same classes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )
else:

    def _messages(name: str) -> ModuleType:
        """Return the module *name* of the SDK, found in its folder and not through its package."""
        package = f"{__name__}.proto"
        if package not in sys.modules:
            sdk = Path(find_spec("pulumi").origin).parent
            folder = sdk / "runtime" / "proto"
            spec = spec_from_file_location(
                package, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )
            sys.modules[package] = module_from_spec(spec)
        return import_module(f"{package}.{name}")

    engine_pb2 = _messages("engine_pb2")
    engine_pb2_grpc = _messages("engine_pb2_grpc")
    plugin_pb2 = _messages("plugin_pb2")
    provider_pb2 = _messages("provider_pb2")
    provider_pb2_grpc = _messages("provider_pb2_grpc")
    status_pb2 = _messages("status_pb2")

__all__ = [
    "engine_pb2",
    "engine_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
]
