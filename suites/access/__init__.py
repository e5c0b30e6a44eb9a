"""ACCESS: what a directory's effective metadata governs."""
