"""From diff directories to mounted view."""
