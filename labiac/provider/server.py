"""``pulumi-resource-labiac``: what the Pulumi engine talks to.

Construct stays the SDK's. The life of the other resources is served on gRPC itself, because only
there a half-made resource, a line of progress and an error without a traceback can be said
(docs/decisions/0006-plugin-on-grpc.md).
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty
from pulumi.provider.server import ProviderServicer
from pulumi.runtime import proto
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS as LIMITS
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc
from pulumi.runtime.proto.status_pb2 import Status

from labiac import __version__
from labiac.errors import LabError
from labiac.plan.model import Machine, Network
from labiac.provider.construct import Constructs
from labiac.provider.items import Items, MachineArgs, NetworkArgs
from labiac.provider.lifecycle import HalfMadeError, Task
from labiac.provider.reachability import Reachability
from labiac.provider.values import plain, struct, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from labiac.provider.lifecycle import Diff, Lifecycle

T = TypeVar("T")
Metadata = tuple[tuple[str, bytes], ...]

RESOURCES: dict[str, Lifecycle] = {
    "labiac:index:Machine": Items("machine", Machine, MachineArgs),
    "labiac:index:Network": Items("network", Network, NetworkArgs),
    "labiac:index:Reachability": Reachability(),
}

logger = logging.getLogger(__name__)

SCHEMA = Path(__file__).with_name("package-schema.json")

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
    return Servicer(Constructs(__version__), [], engine)


class Servicer(ProviderServicer):
    """The life of labiac's resources, as the engine asks for it; no policy."""

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="backend")

    @cached_property
    def _cancelled(self) -> threading.Event:
        return threading.Event()

    @cached_property
    def _engine(self) -> engine_pb2_grpc.EngineStub:
        return engine_pb2_grpc.EngineStub(grpc.insecure_channel(self.engine_address))

    async def Attach(self, request: Any, _context: object) -> Empty:
        """Serve the engine at *request*'s address from now on."""
        self.engine_address = request.address
        self.__dict__.pop("_engine", None)
        return Empty()

    async def Cancel(self, _request: object, _context: object) -> Empty:
        """Stop waiting: what is being measured ends as it stands."""
        self._cancelled.set()
        return Empty()

    async def GetSchema(self, _request: object, _context: object) -> proto.GetSchemaResponse:
        """Return the package schema."""
        return proto.GetSchemaResponse(schema=SCHEMA.read_text(encoding="utf-8"))

    async def Configure(self, _request: object, _context: object) -> proto.ConfigureResponse:
        """Say what this provider takes: the engine itself keeps secrets secret."""
        return proto.ConfigureResponse(supportsPreview=True)

    async def Check(self, request: proto.CheckRequest, context: Any) -> proto.CheckResponse:
        """Return every failure of new inputs, each with its property path."""
        found = await self._run(context, partial(_life(request).check, plain(request.news)))
        failures = [proto.CheckFailure(property=path, reason=reason) for path, reason in found]
        return proto.CheckResponse(inputs=request.news, failures=failures)

    async def Diff(self, request: proto.DiffRequest, context: Any) -> proto.DiffResponse:
        """Return what changes, property by property, and whether it takes a replacement."""
        work = partial(_life(request).diff, plain(request.olds), plain(request.news))
        diff = await self._run(context, work)
        if diff.note:
            self._log(request.urn, diff.note, passing=False)
        return _difference(diff)

    async def Create(self, request: proto.CreateRequest, context: Any) -> proto.CreateResponse:
        """Make it; in a preview, say what its ID will be."""
        life, inputs = _life(request), plain(request.properties)
        if request.preview:
            identity = "" if unknown(inputs) else life.identity(inputs)
            return proto.CreateResponse(id=identity, properties=request.properties)
        made = await self._run(context, partial(life.create, self._task(request), inputs))
        return proto.CreateResponse(
            id=made.id, properties=struct(made.properties), refresh_before_update=True
        )

    async def Read(self, request: proto.ReadRequest, context: Any) -> proto.ReadResponse:
        """Return it as it is now; an empty ID says that it is gone."""
        life, olds, inputs = _life(request), plain(request.properties), plain(request.inputs)
        work = partial(life.read, self._task(request), request.id, olds, inputs)
        made = await self._run(context, work)
        if made is None:
            return proto.ReadResponse()
        return proto.ReadResponse(
            id=made.id,
            properties=struct(made.properties),
            inputs=struct(inputs or life.inputs(made.properties)),
            refresh_before_update=True,
        )

    async def Update(self, request: proto.UpdateRequest, context: Any) -> proto.UpdateResponse:
        """Change in place what differs."""
        if request.preview:
            return proto.UpdateResponse(properties=request.news)
        olds, news = plain(request.olds), plain(request.news)
        work = partial(_life(request).update, self._task(request), request.id, olds, news)
        made = await self._run(context, work)
        return proto.UpdateResponse(properties=struct(made.properties), refresh_before_update=True)

    async def Delete(self, request: proto.DeleteRequest, context: Any) -> Empty:
        """Delete it; gone already is well."""
        await self._run(context, partial(_life(request).delete, self._task(request), request.id))
        return Empty()

    def _task(self, request: Any) -> Task:
        stack = "::".join(request.urn.split("::")[:2])
        return Task(stack, partial(self._log, request.urn, passing=True), self._cancelled)

    def _log(self, urn: str, message: str, *, passing: bool) -> None:
        if self.engine_address:
            line = engine_pb2.LogRequest(
                severity=engine_pb2.LogSeverity.INFO, message=message, urn=urn, ephemeral=passing
            )
            self._engine.Log.future(line)  # nobody waits for a line to be shown

    async def _run(self, context: Any, work: Callable[[], T]) -> T:
        """Run *work* in a thread, and turn what it raises into words for people."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except HalfMadeError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error), _half_made(error))
        except LabError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:  # the border: a mistake of ours, not the user's
            logger.debug("a call failed", exc_info=True)
            await context.abort(grpc.StatusCode.INTERNAL, f"labiac failed: {error!r:.300}")
        raise AssertionError  # abort raises


def _life(request: Any) -> Lifecycle:
    """Return the lifecycle of the resource that *request* is about."""
    return RESOURCES[request.urn.split("::")[2].rpartition("$")[2]]


def _difference(diff: Diff) -> proto.DiffResponse:
    response = proto.DiffResponse(
        changes=proto.DiffResponse.DIFF_SOME if diff.changes else proto.DiffResponse.DIFF_NONE,
        deleteBeforeReplace=True,  # the name on the host can be had once only
        hasDetailedDiff=True,
    )
    for (path, kind), effect in diff.changes:
        head = re.split(r"[.\[]", path)[0]
        replace = effect == "replace"
        name = f"{kind}_replace" if replace else kind
        response.detailedDiff[path].kind = proto.PropertyDiff.Kind.Value(name.upper())
        for heads in [response.diffs, *([response.replaces] if replace else [])]:
            if head not in heads:
                heads.append(head)
    return response


def _half_made(error: HalfMadeError) -> Metadata:
    """Return the metadata that tells the engine to keep *error*'s resource in the state."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.made.id,
        properties=struct(error.made.properties),
        reasons=[str(error)],
        refresh_before_update=True,
    )
    status = Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    return (("grpc-status-details-bin", status.SerializeToString()),)
