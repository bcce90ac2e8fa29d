"""The door of a simulated host for other machines: PowerShell's protocol in SOAP, over HTTP."""

from __future__ import annotations

import base64
import threading
import uuid
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psrpcore

from tests.backends.hyperv.engine import Engine

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
NAMES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "rsp": SHELL,
}
POWERSHELL = "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"


class Session:
    """A runspace pool, and what it has yet to say, by pipeline."""

    def __init__(self, store):
        self.engine, self.waiting, self.done = Engine(store), [], set()

    def feed(self, text, pipeline_id=None):
        self.done.update(self.engine.receive(base64.b64decode(text), pipeline_id))
        self.waiting += self.engine.packets()

    def take(self, pipeline_id):
        mine = [data for about, data in self.waiting if about == pipeline_id]
        self.waiting = [each for each in self.waiting if each[0] != pipeline_id]
        return mine


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    store = None
    sessions: dict = {}  # noqa: RUF012  # one a server, which has a class of its own

    def log_message(self, *_):
        """Say nothing."""

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.headers.get("Authorization", "").startswith("Basic "):
            self._say(401, b"", {"WWW-Authenticate": 'Basic realm="WSMAN"'})
            return
        envelope = ET.fromstring(text)  # noqa: S314  # a test's own client sent it
        action = envelope.findtext("s:Header/a:Action", namespaces=NAMES)
        body = envelope.find("s:Body", NAMES)
        selectors = {
            each.get("Name"): each.text for each in envelope.iter(f"{{{NAMES['w']}}}Selector")
        }
        answer = getattr(self, "_" + action.rpartition("/")[2].lower())
        inside = answer(body, selectors.get("ShellId", "").upper())
        names = " ".join(f'xmlns:{key}="{name}"' for key, name in NAMES.items())
        about = envelope.findtext("s:Header/a:MessageID", namespaces=NAMES)
        head = (
            f"<a:Action>{action}Response</a:Action><a:MessageID>uuid:{uuid.uuid4()}</a:MessageID>"
        )
        head += f"<a:RelatesTo>{about}</a:RelatesTo>"
        whole = (
            f"<s:Envelope {names}><s:Header>{head}</s:Header><s:Body>{inside}</s:Body></s:Envelope>"
        )
        self._say(200, whole.encode(), {"Content-Type": "application/soap+xml;charset=UTF-8"})

    def _say(self, status, data, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _create(self, body, _):
        wanted = body.find("rsp:Shell", NAMES)
        name = (wanted.get("ShellId") or str(uuid.uuid4())).upper()
        session = self.sessions[name] = Session(self.store)
        session.feed(next(each.text for each in body.iter() if each.tag.endswith("creationXml")))
        selector = f'<w:SelectorSet><w:Selector Name="ShellId">{name}</w:Selector></w:SelectorSet>'
        return (
            "<x:ResourceCreated><a:Address>wsman</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{POWERSHELL}</w:ResourceURI>{selector}"
            "</a:ReferenceParameters></x:ResourceCreated>"
            f"<rsp:Shell><rsp:ShellId>{name}</rsp:ShellId></rsp:Shell>"
        )

    def _delete(self, _, name):
        self.sessions.pop(name, None)
        return ""

    def _command(self, body, name):
        line = body.find("rsp:CommandLine", NAMES)
        about = uuid.UUID(line.get("CommandId"))
        session = self.sessions[name]
        psrpcore.ServerPipeline(session.engine.pool, about)
        session.feed(line.findtext("rsp:Arguments", namespaces=NAMES), about)
        said = f"<rsp:CommandId>{str(about).upper()}</rsp:CommandId>"
        return f"<rsp:CommandResponse>{said}</rsp:CommandResponse>"

    def _send(self, body, name):
        stream = body.find("rsp:Send/rsp:Stream", NAMES)
        about = stream.get("CommandId")
        self.sessions[name].feed(stream.text, uuid.UUID(about) if about else None)
        return "<rsp:SendResponse/>"

    def _receive(self, body, name):
        said = body.find("rsp:Receive/rsp:DesiredStream", NAMES).get("CommandId")
        about, attribute = (uuid.UUID(said), f' CommandId="{said}"') if said else (None, "")
        session = self.sessions[name]
        streams = "".join(
            f'<rsp:Stream Name="stdout"{attribute}>{base64.b64encode(data).decode()}</rsp:Stream>'
            for data in session.take(about)
        )
        if about in session.done:
            streams += f'<rsp:CommandState{attribute} State="{SHELL}/CommandState/Done"/>'
        return f"<rsp:ReceiveResponse>{streams}</rsp:ReceiveResponse>"

    def _signal(self, body, name):
        about = uuid.UUID(body.find("rsp:Signal", NAMES).get("CommandId"))
        self.sessions[name].engine.pool.pipeline_table.pop(about, None)
        return "<rsp:SignalResponse/>"


@contextmanager
def served(store):
    """Yield the address of a host's door, for as long as it is open."""
    door = type("Door", (Door,), {"store": store, "sessions": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://labiac@127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
