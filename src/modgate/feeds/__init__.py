"""What is followed from outside: the module index."""
