"""The door's outside: bodies and files of fixes become batches."""
