"""The checks: each a function from the table of measurements to findings."""
