"""The course's datasets from where they live in public to the user's disk, verified.

`catalogue` says what there is, each an `entry`; `fetch` brings one: `download` (over `web` and
`transfer`) or `kaggle`, checked by `trust`.
"""
