"""Shared by all stages: errors, files, progress, threads, randomness, curves."""
