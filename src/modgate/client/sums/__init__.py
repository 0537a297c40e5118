"""The audit of go.sum files: what each line says, and who can vouch for it."""
