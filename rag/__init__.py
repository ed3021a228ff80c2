"""A question in; a checked answer with citations out. Knows nothing of web pages."""
