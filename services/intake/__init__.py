"""Intake: the only door for citizens' words.

An upstream app brings photos and reports; intake authenticates, reads, places and screens them, publishes
`report.received`, and answers 202 once Kafka has the record on disk. The write path keeps no state of its own.
What became of a report is read from a model that is built from the topics `reports`, `cases` and `notices`.
"""
