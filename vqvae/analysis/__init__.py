"""A trained model on data: which codes, where, and what they cost."""
