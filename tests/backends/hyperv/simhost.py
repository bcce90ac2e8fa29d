"""A simulated Hyper-V host on standard input and output, as ``powershell.exe -s`` is a real one.

``python -m tests.backends.hyperv.simhost STORE [what powershell.exe takes]``
"""

from __future__ import annotations

import base64
import re
import sys
from uuid import UUID

import psrpcore

from tests.backends.hyperv.engine import Engine, HostEndedError
from tests.backends.hyperv.world import Store

POOL = UUID(int=0)
LINE = re.compile(r"<(\w+)\s[^>]*PSGuid='([0-9a-f-]{36})'[^>]*?(?:/>|>([^<]*)</\w+>)")


def say(kind, whose, data=None):
    if data is None:
        line = f"<{kind} PSGuid='{whose}' />"
    else:
        text = base64.b64encode(data).decode()
        line = f"<{kind} Stream='Default' PSGuid='{whose}'>{text}</{kind}>"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def serve(engine):
    for line in sys.stdin:
        kind, said, data = LINE.match(line.strip()).groups()
        whose = UUID(said)
        if kind == "Command":
            psrpcore.ServerPipeline(engine.pool, whose)
        if kind == "Close" and whose in engine.pool.pipeline_table:
            engine.pool.pipeline_table[whose].close()
        say(f"{kind}Ack", whose)
        if kind == "Close" and whose == POOL:
            return
        if kind == "Data":
            engine.receive(base64.b64decode(data), None if whose == POOL else whose)
        for about, packet in engine.packets():
            say("Data", about or POOL, packet)


if __name__ == "__main__":
    try:
        serve(Engine(Store(sys.argv[1])))
    except HostEndedError:
        sys.exit(1)
