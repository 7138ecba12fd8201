"""Work for which nobody waits: threads, and caches on disk."""
