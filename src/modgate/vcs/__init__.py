"""Modules straight from version control: repositories, the way to them, and Go's rules over them."""
