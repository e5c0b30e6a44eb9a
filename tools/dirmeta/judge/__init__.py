"""Running families of rules: draw, do, judge, confirm, reduce, and what comes of it."""
