"""What is asked of whom, and what labiac promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import class_up
import hypervisor_calls
import large_matrix
import pulumi_up
import rivals
from rivals import Figures

Tool = Callable[[int], Figures]
OURS = "labiac"
FLOOR = "C, raw netlink"
MEMORY = "most memory of a process, MiB (no less than the bench itself has)"


@dataclass(frozen=True)
class Section:
    """A question, and whom it is put to.

    Args:
        name: For ``--only``.
        title: What people read above the table.
        note: What they should know to judge it.
        tools: By name; the first is what the others are compared with.
        turns: How often each is run, by number of copies.
        figures: The figures to show, each with its heading.
    """

    name: str
    title: str
    note: str
    tools: dict[str, Tool]
    turns: dict[int, int]
    figures: dict[str, str]


SECTIONS = (
    Section(
        "labs",
        "A lab on network namespaces, without Pulumi",
        "The practical of the course: 6 nodes, 3 LANs, 12 pairs. Mininet pings with its own "
        "`ping`, one pair after the other; `ip -batch` is pinged by labiac's. Neither start-up of "
        "an interpreter nor planning counts, for nobody. The C floor makes the same lab: named "
        "namespaces, interfaces, addresses, routes, kernel settings, and the nodes' own "
        "`/etc/hosts` and `/etc/resolv.conf`. It keeps no marks and takes no locks, so a crash of "
        "it leaves nobody who knows what it made. How many times faster than Mininet the floor "
        "itself is stands in brackets above: nobody can be faster by more. What labiac takes "
        "beyond the floor is about half Python, half small calls: locks, marks, looks at what is "
        "there already. To make the nodes of one copy at the same time does not help: the kernel "
        "makes one interface at a time, and Python's threads wait for each other after every call. "
        "Two of them took 1.03 times as long as one even without labiac's locks, and one that made "
        "namespaces ahead saved nothing. Copies wait for each other less, and `labiac class up` "
        "makes several at the same time.",
        {
            OURS: rivals.labiac,
            "labiac, two copies at a time": rivals.labiac_by_twos,
            FLOOR: rivals.floor,
            "ip -batch": rivals.ip_batch,
            "Mininet": rivals.mininet,
        },
        {1: 9, 10: 5, 100: 2},
        {
            "up_ms": "created until every pair has answered, ms a copy",
            "create_ms": "of that, created, ms a copy",
            "down_ms": "destroy returns, ms a copy",
            "rss_mib": MEMORY,
        },
    ),
    Section(
        "plan",
        "A plan of N copies as one lab",
        "From a file to a plan, by the Python API of each, in a process that has planned one copy "
        "before: no start-up and no imports count, and nothing is written. netlab plans its own "
        "addresses, and OSPF on the routers.",
        {OURS: rivals.labiac_plan, "netlab": rivals.netlab_plan},
        {1: 5, 10: 3, 100: 1},
        {"wall_ms": "ms for all copies", "rss_mib": MEMORY},
    ),
    Section(
        "commands",
        "The same by whole commands",
        "From start to end. `netlab create` also writes its configuration files. Of `labiac plan` "
        "on a small lab nearly all is start-up: Python, Pydantic, and the classes of the lab file.",
        {"labiac plan": rivals.labiac_command, "netlab create": rivals.netlab_command},
        {1: 5, 10: 3, 100: 1},
        {"wall_ms": "ms for all copies", "rss_mib": MEMORY},
    ),
    Section(
        "matrix",
        "Who reaches whom among 1,000 nodes on 100 LANs",
        "901 PCs and 99 routers: 810,900 ordered pairs of PCs, each with its way. The plain walk "
        "follows each packet and each answer hop by hop, with a lookup of the longest matching "
        "prefix in dicts; it fails unless it agrees on every pair. Neither start-up of an "
        "interpreter nor planning counts, for nobody.",
        {OURS: large_matrix.labiac, "plain Python walk": large_matrix.plain},
        {1: 5},
        {"wall_s": "seconds", "rss_mib": "most memory of the process, MiB"},
    ),
    Section(
        "start",
        "Start-up",
        "Interpreter and imports until the netns backend can work.",
        {OURS: rivals.labiac_imports, "Python alone": rivals.python_alone},
        {1: 15},
        {"wall_ms": "ms", "rss_mib": MEMORY},
    ),
    Section(
        "pulumi",
        "The practical through Pulumi",
        "A new stack in a local state folder, without preview, measured pair by pair at its end. "
        "`pulumi up` on the memory backend is the same resources doing nothing.",
        {
            "labiac up": pulumi_up.labiac_up,
            "pulumi up": pulumi_up.pulumi_netns,
            "pulumi up, doing nothing": pulumi_up.pulumi_memory,
        },
        {1: 5},
        {"wall_ms": "up, ms", "down_ms": "destroy, ms", "rss_mib": MEMORY},
    ),
    Section(
        "class",
        "The practical for a class",
        "A new stack a student in a local state folder, each lab measured pair by pair. "
        "`pulumi up` in a loop is `pulumi stack init` and `pulumi up`, one student after the "
        "other: of ten at most, since each takes as long as the one before. Nobody starts less "
        "than the CLI once a student; a CLI that only says its version takes 160 ms of CPU, and "
        "the key of a stack's secrets, a million rounds of SHA-256, another 150.",
        {"labiac class": class_up.labiac_class, "pulumi up in a loop": class_up.pulumi_loop},
        {1: 3, 10: 1, 100: 1},
        {
            "up_ms": "up, ms a student",
            "cpu_ms": "of a CPU, ms a student",
            "down_ms": "destroy, ms a student",
            "rss_mib": "most memory of labiac's own process, MiB",
        },
    ),
    Section(
        "calls",
        "What hypervisors are asked for the practical",
        "6 machines and 3 LANs, nothing started: calls of the real VBoxManage, which take their 25 "
        "to 30 ms each on a quiet machine, and round trips to a Hyper-V host, which is the "
        "simulated one of the tests. So its counts are those of a real one, and its times are not.",
        {"virtualbox": hypervisor_calls.virtualbox, "hyperv": hypervisor_calls.hyperv},
        {1: 3},
        {
            "make": "calls to make it",
            "read": "calls to read it",
            "delete": "calls to delete it",
            "make_ms": "to make it, ms",
        },
    ),
)


@dataclass(frozen=True)
class Promise:
    """What labiac promises.

    Args:
        section: Where it is measured.
        text: What people read.
        tool: Whose figure it is about.
        base: Whose figure it is divided by, or empty: it is about *tool* and one copy alone.
        figure: Which figure.
        least: The least that the quotient may be.
        most: The most.
        floor: What *base* is compared with to tell how much it could be at best, or empty.
    """

    section: str
    text: str
    tool: str
    base: str
    figure: str
    least: float = 0
    most: float = math.inf
    floor: str = ""

    def holds(self, value: float) -> bool:
        """Return whether *value* keeps the promise."""
        return self.least <= value <= self.most


PROMISES = (
    Promise(
        "labs", "20 times faster than Mininet", "Mininet", OURS, "up_ms", least=20, floor=FLOOR
    ),
    Promise("labs", "faster than `ip -batch`", "ip -batch", OURS, "up_ms", least=1),
    Promise("labs", "within 1.5 of the C floor", OURS, FLOOR, "up_ms", most=1.5),
    Promise("labs", "destroyed in under 5 ms a lab", OURS, "", "down_ms", most=5),
    Promise("plan", "plans 20 times faster than netlab", "netlab", OURS, "wall_ms", least=20),
    Promise("matrix", "the matrix of 1,000 nodes in under 5 s", OURS, "", "wall_s", most=5),
    Promise("matrix", "the same in under 190 MiB (200 MB)", OURS, "", "rss_mib", most=190),
    Promise("start", "start-up under 100 ms", OURS, "", "wall_ms", most=100),
    Promise(
        "pulumi",
        "`pulumi up` at most 1.3 times the same doing nothing",
        "pulumi up",
        "pulumi up, doing nothing",
        "wall_ms",
        most=1.3,
    ),
    Promise("pulumi", "`labiac up` no slower", "labiac up", "pulumi up", "wall_ms", most=1),
    Promise("class", "0.3 s of CPU a student", "labiac class", "", "cpu_ms", most=300),
    Promise("class", "a class of 100 up in a minute", "labiac class", "", "up_ms", most=600),
    Promise("calls", "at most 40 calls of VBoxManage", "virtualbox", "", "make", most=40),
    Promise("calls", "one a machine to read it", "virtualbox", "", "read", most=6),
    Promise("calls", "at most 24 round trips to Hyper-V", "hyperv", "", "make", most=24),
    Promise("calls", "one an item to read it", "hyperv", "", "read", most=9),
)
