"""The checksum database's rules, pure: signed notes, transparency-log proofs, tiles, a verifying client.

The outside is reached through the `Ops` protocol only, as with ClientOps of golang.org/x/mod/sumdb.
"""
