"""Go's module rules, pure: bytes and strings in, verified values or errors out.

The names are those of golang.org/x/mod, so that who knows it can guess ours.
"""
