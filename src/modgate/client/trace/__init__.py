"""`modgate trace`: a go command watched while it runs."""
