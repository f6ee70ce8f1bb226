"""From files on a disk to upright pixels in a memory-mapped store."""
