"""What will exist: a lab with every default made a value."""
