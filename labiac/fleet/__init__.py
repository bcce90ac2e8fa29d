"""Lab copies as Pulumi stacks: finding the engine, and running it on one copy or many."""

import labiac.provider  # noqa: F401  # first of all: it says how gRPC is to be
