"""HTTP towards the outside: time-outs by phase, retries, a breaker, one error table."""
