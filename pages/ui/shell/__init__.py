"""What stands around every page, and knows none."""
