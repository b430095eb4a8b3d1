"""The system on one machine without Docker: a real Kafka, a real PostgreSQL, the services, keys, a demo.

`python -m stack up | down | status | keys | prepare | parked`. Everything it starts dies with it, and everything it
writes lies under the checkout's `.run/`.
"""
