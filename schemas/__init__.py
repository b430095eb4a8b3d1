"""The words on the wire: what is published, on which topic, by whom, and for how long it is kept.

The services share nothing else about the field. A model here is a fact in the past tense; it never tells its
consumer what to do. Producers are strict, consumers ignore what they do not know (`schemas.events.read`).
Every type has examples that must parse for ever and a published JSON Schema that a test compares.
Decisions behind the contracts are in `decisions/`.
"""
