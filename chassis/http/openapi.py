"""What the OpenAPI page says of bodies that calls read by themselves."""

from typing import Any

from pydantic import BaseModel


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a body with everything in its place: the page cannot follow references into its middle."""
    schema = model.model_json_schema()
    parts: dict[str, Any] = schema.pop("$defs", {})

    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return [placed(one) for one in value]
        if not isinstance(value, dict):
            return value
        rest = {key: placed(one) for key, one in value.items() if key != "$ref"}
        named = str(value.get("$ref", "")).removeprefix("#/$defs/")
        return {**placed(parts[named]), **rest} if named else rest

    found: dict[str, Any] = placed(schema)
    return found
