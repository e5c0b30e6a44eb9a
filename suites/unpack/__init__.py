"""From tar stream to diff directory."""
