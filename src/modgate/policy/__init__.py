"""Policy decisions, pure. Empty in this version: everything that verifies is allowed."""
