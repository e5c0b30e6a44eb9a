"""Private worlds: namespaces, limits, the canary, and processes that cannot be left behind."""
