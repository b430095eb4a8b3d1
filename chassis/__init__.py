"""What any service needs and no citizen would understand: settings, logs, keys, Kafka, PostgreSQL, HTTP.

Nothing here knows what the records mean. Modules are imported, never inherited from.
"""
