"""What the real go command says about a module or a binary, and what it would download for it."""
