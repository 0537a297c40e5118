"""Where module versions come from: sources, and wrappers around them, one idea a file."""
