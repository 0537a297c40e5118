"""`modgate gate`: a lock file before a policy, for builds whose caches never ask a proxy."""
