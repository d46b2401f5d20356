"""A JSON schema as Markdown: a row for each member."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.documents.markdown import table

FOLDER = Path(__file__).parents[2] / "nemocli" / "schemas"


def read_schemas() -> dict[str, Any]:
    """Every schema, by the name of its file."""
    paths = sorted(FOLDER.glob("*.json"))
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}


@dataclass(frozen=True)
class Tables:
    """The tables of one schema; the others are there to be referred to."""

    name: str
    schemas: Mapping[str, Any]

    def __str__(self) -> str:
        """A table of the schema's own members, and one for each object defined beside them."""
        schema = self.schemas[self.name]
        parts = [self._members(schema)] if "properties" in schema else []
        for name, inner in schema.get("$defs", {}).items():
            if "properties" in inner:
                about = inner.get("description", "")
                parts += [f"**{name}**: {about}".rstrip(), self._members(inner)]
        return "\n\n".join(parts)

    def _members(self, schema: Mapping[str, Any]) -> str:
        needed = schema.get("required", ())
        rows = [
            (
                f"`{name}`",
                self._type(member),
                "always" if name in needed else "not always",
                self._meaning(member),
            )
            for name, member in schema["properties"].items()
        ]
        return table(("member", "type", "present", "meaning"), rows)

    def _meaning(self, member: Mapping[str, Any]) -> str:
        if "description" not in member and "$ref" in member:
            return self._meaning(self._referred(member["$ref"]))
        return member.get("description", "")

    def _type(self, member: Mapping[str, Any]) -> str:
        if "anyOf" in member:
            return " or ".join(map(self._type, member["anyOf"]))
        if "$ref" in member:
            referred = self._referred(member["$ref"])
            name = member["$ref"].split("/")[-1].removesuffix(".schema.json")
            return name if "properties" in referred else self._type(referred)
        if "const" in member:
            return f"`{json.dumps(member['const'])}`"
        if "enum" in member:
            return ", ".join(f"`{json.dumps(value)}`" for value in member["enum"])
        if member["type"] == "array":
            return f"array of {self._type(member['items'])}"
        if member["type"] == "object":
            return f"object of {self._type(member['additionalProperties'])}"
        kinds = member["type"] if isinstance(member["type"], list) else [member["type"]]
        is_share = (member.get("minimum"), member.get("maximum")) == (0, 1)
        return " or ".join(kinds) + (", 0 to 1" if is_share else "")

    def _referred(self, reference: str) -> Mapping[str, Any]:
        file, _, pointer = reference.partition("#")
        found = self.schemas[file or self.name]
        for key in pointer.split("/")[1:]:
            found = found[key]
        return found
