"""Intake is the only door for citizens' words: reports and photos come in, statuses and replies go out.

The write path keeps nothing: authenticate, validate, place, screen, publish, answer 202 once Kafka has the record
durably (`http`). Disputes and ratings of a result go the same way once there is one (`http_feedback`). Photos are
decoded by a limited process (`darkroom`) and stored by their hash (`photo_store`). What a citizen sees afterwards is
a read model of the topics (`consumers`, `read_model`, `timeline`).
"""
