"""Pipelines on a simulated host: commands bound, run one after the other, and what they return."""

from __future__ import annotations

import os

import psrpcore
from psrpcore import types

from tests.backends.hyperv import binder, cmdlets
from tests.backends.hyperv.world import Adapter, RefusedError, Setting

VERSION = {"PSVersionTable": {"PSVersion": "5.1.26100.1"}}


@types.PSType(["Microsoft.HyperV.PowerShell.VMState"], rehydrate=False)
class VMState(types.PSEnumBase):
    Running = 2
    Off = 3
    Saved = 6
    Paused = 9


class Engine:
    """A runspace pool of PowerShell, whatever its packets travel in."""

    def __init__(self, store):
        self.store = store
        self.pool = psrpcore.ServerRunspacePool(application_private_data=VERSION)

    def receive(self, data, pipeline_id):
        """Take a packet, and run what it completes; return the pipelines that are done."""
        stream = psrpcore.StreamType.default
        self.pool.receive_data(psrpcore.PSRPPayload(data, stream, pipeline_id))
        done = []
        while (event := self.pool.next_event()) is not None:
            if isinstance(event, psrpcore.CreatePipelineEvent):
                self._run(self.pool.pipeline_table[event.pipeline_id])
                done.append(event.pipeline_id)
        return done

    def packets(self):
        """Yield what is to be sent: the pipeline that it is about, or None, and bytes."""
        while (packet := self.pool.data_to_send(32768)) is not None:
            yield packet.pipeline_id, packet.data

    def _run(self, pipeline):
        pipeline.start()
        with self.store.open() as world:
            statement = []
            for command in pipeline.metadata.commands:
                statement.append(command)
                if command.end_of_statement or command is pipeline.metadata.commands[-1]:
                    if not self._statement(world, pipeline, statement):
                        break
                    statement = []
        pipeline.complete()

    def _statement(self, world, pipeline, commands):
        """Run one statement; return whether those after it are to run."""
        objects, kinds = [], None
        for command in commands:
            on_error = "stop"
            try:
                name, arguments, piped, on_error = binder.bind(command, kinds)
                if kinds is None or objects:
                    objects = _ran(world, name, arguments, piped, objects)
                kinds = RETURNS.get(name, ()) if not objects else objects[0].kinds
            except RefusedError as error:
                if on_error != "silentlycontinue":
                    pipeline.write_error(
                        types.NETException(Message=error.message),
                        types.ErrorCategoryInfo(Category=types.ErrorCategory[error.category]),
                        fully_qualified_error_id=error.identifier,
                    )
                return on_error != "stop"
        for each in objects:
            pipeline.write_output(_selected(each))
        return True


RETURNS = {
    "Get-VM": ("VirtualMachine", "VirtualMachineBase"),
    "Get-VMNetworkAdapter": ("VMNetworkAdapter", "VMNetworkAdapterBase"),
    "Get-VMDvdDrive": ("DvdDrive",),
    "Get-VMSwitch": ("VMSwitch",),
    "Get-VMSnapshot": ("VMSnapshot",),
}


class Selection:
    """What Select-Object returns."""

    kinds = ("Selection",)

    def __init__(self, values):
        self.values = values


def _ran(world, name, arguments, piped, objects):
    if not world.step(name):
        world_ends(world)
    if name == "Select-Object":
        return [_select(world, each, **arguments) for each in objects]
    if name == "Where-Object":
        return [each for each in objects if _property(world, each, arguments["Property"])]
    if name == "Out-Null":
        return []
    if piped is None:
        return cmdlets.run(world, name, arguments)
    return [
        made for each in objects for made in cmdlets.run(world, name, {**arguments, piped: [each]})
    ]


class HostEndedError(BaseException):
    """The host is gone, in the middle of what it did."""


def world_ends(world):
    world.dies_before = 0
    raise HostEndedError(os.getpid())


def _select(world, thing, Property, ExpandProperty=None):  # PowerShell's names
    kept = {}
    for each in Property:
        known = each if isinstance(each, dict) else {"Name": each, "Expression": each}
        name, source = known["Name"], known["Expression"]
        kept[str(name)] = _property(world, thing, str(source))
    if ExpandProperty is None:
        return Selection(kept)
    inner = _property(world, thing, ExpandProperty)
    assert isinstance(inner, Setting), f"{ExpandProperty} is {inner}"
    return Selection(inner.values | kept)


def _property(world, thing, name):
    values = getattr(thing, "values", {})
    if name in values:
        return values[name]
    if isinstance(thing, Adapter) and name == "SwitchName":
        switch = world.switch(thing.switch)
        return switch and switch.Name
    assert hasattr(thing, name), f"{type(thing).__name__} has no property {name}"
    return getattr(thing, name)


def _selected(thing):
    assert isinstance(thing, Selection), f"{thing} would travel whole: Select-Object is missing"
    made = types.PSObject()
    made.PSObject.type_names = ["Selected.Microsoft.HyperV", "System.Object"]
    for name, value in thing.values.items():
        types.add_note_property(made, name, VMState[value] if name == "State" else value)
    return made
