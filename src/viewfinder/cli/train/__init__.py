"""`viewfinder train`, and what only it needs."""
