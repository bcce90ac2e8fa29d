"""Lab copies as Pulumi stacks: finding the engine, and running it on one copy or many."""
