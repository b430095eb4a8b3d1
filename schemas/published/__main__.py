"""Writes the published JSON Schema of every event beside this file."""

import json
from pathlib import Path

from schemas.published import schema_of
from schemas.topics import TOPICS

for topic in TOPICS:
    for kind, model in topic.kinds.items():
        text = json.dumps(schema_of(model), ensure_ascii=False, indent=2, sort_keys=True)
        (Path(__file__).parent / f"{kind}.v1.json").write_text(text + "\n", "utf-8")
