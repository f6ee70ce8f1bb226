"""`python -m viewfinder` is `viewfinder`."""

from viewfinder.cli import main

main()
