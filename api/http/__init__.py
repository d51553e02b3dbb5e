"""HTTP: the application, its routes (a file a question), identity, errors and limits."""
