"""Cases: drawn by Hypothesis, enumerated exhaustively, packed together, and reduced.

Everything drawn is decoded from a fixed number of bytes by wrapping indices into small pools, so that
any bytes give valid data and nothing is ever filtered.
"""
