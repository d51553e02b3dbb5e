"""Units and teams: who is enrolled, and how the teams stand in each other."""
