"""Starting a program with the network that was chosen for it, and nothing but that where it is isolated."""
