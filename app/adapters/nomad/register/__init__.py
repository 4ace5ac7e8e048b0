"""Changes a job: edits the specification, plans it, registers it by check-and-set, and reads back a lost answer."""
