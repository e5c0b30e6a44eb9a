"""The delegated overlay beside other ways to make one file system of the same layers.

Layers are unpacked by the subject and mounted in the lab, whose kernel has to know the feature; what they are
compared with is made on this machine, by tools that never heard of marks (`judge/engines.py`).
"""
