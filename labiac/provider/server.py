"""``pulumi-resource-labiac``: what the Pulumi engine talks to.

Construct stays the SDK's. The life of the other resources is served on gRPC itself, because only
there a half-made resource, a line of progress and an error without a traceback can be said
(docs/decisions/0006-plugin-on-grpc.md).
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty

from labiac import __version__
from labiac.errors import LabError
from labiac.plan.model import Machine, Network
from labiac.provider.image import Image
from labiac.provider.items import Items, MachineArgs, NetworkArgs
from labiac.provider.key import Key
from labiac.provider.lifecycle import HalfMadeError, Task
from labiac.provider.protocol import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)
from labiac.provider.reachability import Reachability
from labiac.provider.shape import head
from labiac.provider.values import plain, secrets, struct, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from labiac.provider.lifecycle import Diff, Lifecycle

T = TypeVar("T")
Metadata = tuple[tuple[str, bytes], ...]

RESOURCES: dict[str, Lifecycle] = {
    "labiac:index:Image": Image(),
    "labiac:index:Key": Key(),
    "labiac:index:Machine": Items("machine", Machine, MachineArgs),
    "labiac:index:Network": Items("network", Network, NetworkArgs),
    "labiac:index:Reachability": Reachability(),
}

SCHEMA = Path(__file__).with_name("package-schema.json")

LIMITS = (("grpc.max_receive_message_length", 400 * 1024 * 1024),)
"""The size of a message that the engine itself takes, bytes."""

AT_ONCE = 32
"""Calls that may wait for a host at the same time."""


def main() -> None:
    """Serve one engine, whose address is the first argument, until it interrupts this process."""
    asyncio.run(_serve(next(iter(sys.argv[1:]), "")))


async def _serve(engine: str) -> None:
    server, stopped = grpc.aio.server(options=LIMITS), asyncio.Event()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    # Said outright: a process that was started in the background inherits that it is ignored.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stopped.set)
    print(port, flush=True)  # noqa: T201 -- the engine reads it
    await stopped.wait()
    await server.stop(grace=None)


def servicer(engine: str = "") -> Servicer:
    """Return labiac's provider, ready to be added to a server of `grpc.aio`.

    Args:
        engine: Address of the engine; one that attaches later says its own.
    """
    return Servicer(engine)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The life of labiac's resources, as the engine asks for it; no policy."""

    def __init__(self, engine: str) -> None:
        super().__init__()
        self._cancelled = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="backend")
        self._voice = ThreadPoolExecutor(1, thread_name_prefix="voice")
        self._attach(engine)

    def _attach(self, address: str) -> None:
        self._address = address
        self._channel = grpc.insecure_channel(address) if address else None
        self._engine = engine_pb2_grpc.EngineStub(self._channel) if self._channel else None

    def close(self) -> None:
        """Let go of the engine. Calls that still wait for a host go on, and tell nobody."""
        self._engine = None
        for threads in (self._pool, self._voice):
            threads.shutdown(wait=False, cancel_futures=True)
        if self._channel:
            self._channel.close()

    async def Attach(self, request: plugin_pb2.PluginAttach, _context: object) -> Empty:
        """Serve the engine at *request*'s address from now on."""
        self._attach(request.address)
        return Empty()

    async def Cancel(self, _request: object, _context: object) -> Empty:
        """Stop waiting: what is being measured ends as it stands."""
        self._cancelled.set()
        return Empty()

    async def GetPluginInfo(self, _request: object, _context: object) -> plugin_pb2.PluginInfo:
        """Return labiac's version."""
        return plugin_pb2.PluginInfo(version=__version__)

    async def GetSchema(self, _request: object, _context: object) -> provider_pb2.GetSchemaResponse:
        """Return the package schema."""
        return provider_pb2.GetSchemaResponse(schema=SCHEMA.read_text(encoding="utf-8"))

    async def Configure(self, _request: object, _context: object) -> provider_pb2.ConfigureResponse:
        """Say what this provider takes: secrets come marked, and go back marked."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    async def Construct(
        self, request: provider_pb2.ConstructRequest, context: Any
    ) -> provider_pb2.ConstructResponse:
        """Declare the children of a Lab."""
        from labiac.provider.construct import construct

        return await construct(request, context, self._address)

    async def Check(
        self, request: provider_pb2.CheckRequest, context: Any
    ) -> provider_pb2.CheckResponse:
        """Return every failure of new inputs, each with its property path."""
        found = await self._run(context, partial(_life(request).check, plain(request.news)))
        hidden = secrets(request.news)
        failures = [
            provider_pb2.CheckFailure(
                property=path, reason="is not possible" if head(path) in hidden else reason
            )
            for path, reason in found
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    async def Diff(
        self, request: provider_pb2.DiffRequest, context: Any
    ) -> provider_pb2.DiffResponse:
        """Return what changes, property by property, and whether it takes a replacement."""
        work = partial(_life(request).diff, plain(request.olds), plain(request.news))
        diff = await self._run(context, work)
        if diff.note:
            self._log(request.urn, diff.note)
        return _difference(diff)

    async def Create(
        self, request: provider_pb2.CreateRequest, context: Any
    ) -> provider_pb2.CreateResponse:
        """Make it; in a preview, say what its ID will be."""
        life, inputs = _life(request), plain(request.properties)
        if request.preview:
            identity = "" if unknown(inputs) else life.identity(inputs)
            return provider_pb2.CreateResponse(id=identity, properties=request.properties)
        hidden = secrets(request.properties)
        work = partial(life.create, self._task(request), inputs)
        made = await self._run(context, work, hidden)
        return provider_pb2.CreateResponse(
            id=made.id, properties=struct(made.properties, hidden), refresh_before_update=True
        )

    async def Read(
        self, request: provider_pb2.ReadRequest, context: Any
    ) -> provider_pb2.ReadResponse:
        """Return it as it is now; an empty ID says that it is gone."""
        life, olds, inputs = _life(request), plain(request.properties), plain(request.inputs)
        work = partial(life.read, self._task(request), request.id, olds, inputs)
        made, hidden = await self._run(context, work), secrets(request.inputs)
        if made is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=made.id,
            properties=struct(made.properties, hidden),
            inputs=struct(inputs or life.inputs(made.properties), hidden),
            refresh_before_update=True,
        )

    async def Update(
        self, request: provider_pb2.UpdateRequest, context: Any
    ) -> provider_pb2.UpdateResponse:
        """Change in place what differs."""
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        olds, news = plain(request.olds), plain(request.news)
        work = partial(_life(request).update, self._task(request), request.id, olds, news)
        hidden = secrets(request.news)
        made = await self._run(context, work, hidden)
        return provider_pb2.UpdateResponse(
            properties=struct(made.properties, hidden), refresh_before_update=True
        )

    async def Delete(self, request: provider_pb2.DeleteRequest, context: Any) -> Empty:
        """Delete it; gone already is well."""
        await self._run(context, partial(_life(request).delete, self._task(request), request.id))
        return Empty()

    def _task(self, request: Any) -> Task:
        stack = "::".join(request.urn.split("::")[:2])
        return Task(partial(self._log, request.urn, passing=True), self._cancelled, owner=stack)

    def _log(
        self, urn: str, message: str, *, severity: str = "INFO", passing: bool = False
    ) -> None:
        if self._engine:
            level = engine_pb2.LogSeverity.Value(severity)
            line = engine_pb2.LogRequest(
                severity=level, message=message, urn=urn, ephemeral=passing
            )
            self._voice.submit(self._engine.Log, line)  # in order, and nobody waits for it

    async def _run(self, context: Any, work: Callable[[], T], hidden: Collection[str] = ()) -> T:
        """Run *work* in a thread, and turn what it raises into words for people."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except HalfMadeError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error), _half_made(error, hidden))
        except LabError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:  # noqa: BLE001 -- the border: a mistake of ours
            self._log("", traceback.format_exc(), severity="DEBUG")
            await context.abort(grpc.StatusCode.INTERNAL, f"labiac failed: {error!r:.300}")
        raise AssertionError  # abort raises


def _life(request: Any) -> Lifecycle:
    """Return the lifecycle of the resource that *request* is about."""
    return RESOURCES[request.urn.split("::")[2].rpartition("$")[2]]


def _difference(diff: Diff) -> provider_pb2.DiffResponse:
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME
        if diff.changes
        else provider_pb2.DiffResponse.DIFF_NONE,
        deleteBeforeReplace=True,  # the name on the host can be had once only
        hasDetailedDiff=True,
    )
    for (path, kind), effect in diff.changes:
        replace = effect == "replace"
        name = f"{kind}_replace" if replace else kind
        response.detailedDiff[path].kind = provider_pb2.PropertyDiff.Kind.Value(name.upper())
        for heads in [response.diffs, *([response.replaces] if replace else [])]:
            if head(path) not in heads:
                heads.append(head(path))
    return response


def _half_made(error: HalfMadeError, hidden: Collection[str]) -> Metadata:
    """Return the metadata that tells the engine to keep *error*'s resource in the state."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.made.id,
        properties=struct(error.made.properties, hidden),
        reasons=[str(error)],
        refresh_before_update=True,
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    return (("grpc-status-details-bin", status.SerializeToString()),)
