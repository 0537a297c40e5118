"""Changes to a person's files: shown as a diff, backed up, written to a journal, taken back by `modgate
undo`.
"""
