"""Changing a setting in the right place: what is written where, what would break, and what stays hidden."""
