"""What Notes alone shows."""
