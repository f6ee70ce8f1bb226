"""The course's datasets, downloaded from their public addresses and verified.

`catalogue` lists them. `datasets` fetches one by `download` (over `web`) or `kaggle`, checks it by
`trust`, and unpacks it by `archives`.
"""
