"""Untrusted archives.

members   the one rule by which members are admitted
unpack    unpack an archive into a folder
bounded   limited streams
names     encodings of names in zip archives
errors    errors that name the archive
"""
