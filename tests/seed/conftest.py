from __future__ import annotations

import pytest

from labiac.plan.resolve import resolve
from labiac.schema.load import from_data


@pytest.fixture(scope="session")
def everything():
    """Return the plan of a lab in which templates meet all that a plan can say."""
    lab = {
        "name": "everything",
        "pool": {"ipv4": "10.0.0.0/8", "ipv6": "fd00::/48"},
        "lans": {
            "lan1": {},
            "lan2": {"ipv4": "10.2.0.0/24"},
            "left": {},
            "right": {},
            "campus": {"vlans": {"red": 10, "blue": {"id": 20, "ipv4": "10.20.0.0/24"}}},
        },
        "routers": {
            "r1": {
                "nics": [
                    {"lan": "lan1"},
                    {"lan": "lan2", "name": "wan0"},
                    {"lan": "campus", "trunk": ["red", "blue"]},
                    {"attach": "nat"},
                    {"attach": "none"},
                ],
                "services": {
                    "web": {"command": ["python3", "-m", "http.server", "80"]},
                    "odd": {"command": ["/bin/echo", "50%", '"$HOME"', "a\\b", "two\nlines", "é"]},
                },
            },
            "r2": {"lans": ["lan1", "lan2"], "routes": [{"to": "10.9.0.0/16", "via": "r1"}]},
        },
        "middleboxes": {
            "fw": {
                "role": "firewall",
                "lans": ["lan1", "lan2"],
                "rules": [
                    {"reject": "any", "from": "pc2"},
                    {"allow": "tcp", "ports": [80, "8000-8080"], "from": "lan1", "to": "pc2"},
                ],
            },
            "gw": {
                "role": "nat",
                "lans": ["lan1", "lan2"],
                "outside": "lan2",
                "forwards": [{"port": 8080, "to": "pc1", "to_port": 80}],
            },
            "br": {
                "role": "bridge",
                "nics": [{"lan": "left"}, {"lan": "right", "connected": False}],
            },
            "ids": {"role": "ids", "lans": ["lan1", "lan2"], "watches": ["lan2"]},
        },
        "pcs": {
            "pc1": {"lan": "lan1"},
            "pc2": {"lan": "lan2", "connected": False},
            "pc3": {"lan": "campus", "access": "red"},
        },
    }
    return resolve(from_data(lab), student="ana", backend="libvirt")
