"""One reading of the machine: variables, files and the answers of commands, and what Go and editors make of
them.
"""
