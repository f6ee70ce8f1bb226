"""What every stage uses: errors, files, progress, threads, randomness, curves."""
