"""A classifier over HTTP, within limits on size, number and time.

Only `app`, `uploads` and `server` import the extra `[serve]`.
"""
