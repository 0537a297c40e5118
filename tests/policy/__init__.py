"""Tests of the rules: what may be used, and what is known to be wrong."""
