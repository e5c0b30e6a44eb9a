"""The agent in C, which does the steps that most jobs are made of, in guests and on the host.

`agent` has the program. It may be changed like any other code: it is compiled anew when its sources differ
from what was compiled before. What it answers is held to what the executor in Python answers, by laws in
suites/selftest (rows.py).
"""
