"""The policy in force: facts gathered, decisions made and written down, consumers counted."""
