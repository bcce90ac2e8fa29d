"""``labiac doctor --conformance``: the closing practical, end to end on a user's own machine.

Labiac can't be tested on every hypervisor of every system. Who has one runs this, and sends the
report: what was tried, what came of it, how long it took, and nothing about who ran it.
"""
