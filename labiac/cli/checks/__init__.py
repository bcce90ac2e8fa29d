"""The checks of a lab, measured on the live lab."""
