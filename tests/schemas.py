"""Checking JSON against nemocli's schemas; members that a schema lacks fail too."""

import json
from importlib.resources import files

from jsonschema import Draft202012Validator
from referencing import Registry, Resource


def _closed(schema):
    """Return the schema with every object limited to the members that it describes."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    return ({"additionalProperties": False} if schema.get("type") == "object" else {}) | closed


SCHEMAS = {
    file.name.removesuffix(".schema.json"): json.loads(file.read_text(encoding="utf-8"))
    for file in files("nemocli").joinpath("schemas").iterdir()
}
_CLOSED = {name: _closed(schema) for name, schema in SCHEMAS.items()}
_REGISTRY = map(Resource.from_contents, _CLOSED.values()) @ Registry()


def checked(value, name):
    """The value; jsonschema.ValidationError if it is not as the schema of this name describes."""
    Draft202012Validator({"$ref": SCHEMAS[name]["$id"]}, registry=_REGISTRY).validate(value)
    return value
