"""Making it real: one module or package a backend, and the list of them."""
