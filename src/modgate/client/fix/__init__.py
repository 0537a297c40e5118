"""`modgate fix`: a module's go.mod moved to the first fixed versions, by the go command itself."""
