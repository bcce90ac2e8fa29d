"""Base images of virtual machines: what there is, where it comes from, where it is kept."""
