"""A classifier over HTTP, within limits on size, number and time.

Only `app`, `connection`, `uploads` and `server` import the extra `[serve]`.
"""
