"""Untrusted archives.

members   the one rule by which members are admitted
unpack    unpack an archive into a folder
bounded   limited streams
zips      zip archives, and the encodings of their names
errors    errors that name the archive
"""
