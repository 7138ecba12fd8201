"""What Map alone shows."""
