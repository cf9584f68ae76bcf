"""Check a table by its invariants, and repair what a restore or an accident has damaged."""
