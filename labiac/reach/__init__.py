"""Who reaches whom, and why not: a forwarding model over the plan. Pure, and exact about Linux."""
