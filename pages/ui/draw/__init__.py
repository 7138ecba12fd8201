"""What Draw alone shows."""
