"""Fixes: the door that judges each, the store that keeps them by day, and how they are read."""
