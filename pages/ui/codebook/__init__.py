"""What Codebook alone shows."""
