"""Public mirrors: what is known of them, and what measuring says."""
