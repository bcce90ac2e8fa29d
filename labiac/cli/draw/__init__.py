"""Drawing a lab: one topology, and a pure function from it for each way to show it."""
