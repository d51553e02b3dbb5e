"""``python -m api`` is the command ``patrolgrid``."""

from api.cli import main

main()
