"""A pool that says when the database is away, migrations under a lock, and the outbox table."""
