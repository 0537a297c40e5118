"""The checksum database's rules, pure: signed notes, tree proofs, tiles, a verifying client.

The outside is reached through the `Ops` protocol only, as with ClientOps of x/mod/sumdb.
"""
