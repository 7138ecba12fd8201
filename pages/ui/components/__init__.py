"""What runs in the browser, each with the Python that checks its messages."""
