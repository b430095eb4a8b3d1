"""The frozen JSON Schemas, one file a type: `python -m schemas.published` writes them, a test compares them.

A file changes only by adding a field that has a default; anything else is a new type (`….v2`).
"""

from typing import Any

from schemas.events import Event


def schema_of(model: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event as it is published, titled with its type on the wire."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(mode="serialization"),
        "title": model.kind,
    }
