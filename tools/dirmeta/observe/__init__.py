"""Looking at file systems: the steps a lab is asked to do, and reading a tree."""
