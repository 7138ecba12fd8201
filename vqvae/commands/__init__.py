"""What the command line can do: a file for the commands of a kind, each of which declares its options and runs."""
