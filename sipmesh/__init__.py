"""The server: configuration, store, supervisor, workers, console, command line."""
