"""Health, metrics, a read-only API and a status page over HTTP."""
