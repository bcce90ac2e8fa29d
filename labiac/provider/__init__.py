"""The Pulumi side: a native plugin, typed Python classes, and the program in ``stacks/``.

Policy-free: what exists is the plan's to say, how it is made the backend's, who reaches whom
`labiac.reach`'s. This package carries values between those and Pulumi.
"""

import os

# libvirt forks to start ssh, which would take gRPC's threads with it and die of them every other
# time. Before anybody imports gRPC, which reads it then.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
