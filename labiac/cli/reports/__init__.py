"""What `verify` found, as files: for a CI system, for a spreadsheet, for people."""
