"""Who may ask: tokens, sign-in links and sessions, kept as hashes."""
