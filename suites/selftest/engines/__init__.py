"""Engines and `dirmeta compare`, with programs of the tests' own: no tool has to be installed."""
