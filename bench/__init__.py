"""`make bench`: measures the book against its budgets. Start reading in __main__.py."""
