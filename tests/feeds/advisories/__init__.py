"""Tests of the readers of advisory databases."""
