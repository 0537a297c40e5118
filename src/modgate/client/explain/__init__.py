"""Which setting wins, where it stands and what it hides, for the program that is asked about."""
