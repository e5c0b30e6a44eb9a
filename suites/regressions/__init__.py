"""Bug reports as named cases: what their reporters saw, and what delegation makes of it."""
