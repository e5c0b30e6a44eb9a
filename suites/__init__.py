"""What is checked: one folder per family of rules, and `selftest` for the suite itself."""
