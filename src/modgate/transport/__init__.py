"""HTTP towards the outside: time-outs by phase, retries, a breaker per upstream, one error table."""
