"""The routes, a file a question; each names the right that it needs."""
