"""Documents against the schemas that nemocli carries; members they do not describe fail too."""

import json
from importlib.resources import files

from jsonschema import Draft202012Validator
from referencing import Registry, Resource


def _closed(schema):
    """The schema with every object limited to the members it describes."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    return closed | ({"additionalProperties": False} if schema.get("type") == "object" else {})


FOLDER = files("nemocli.transcript").joinpath("schemas")
SCHEMAS = {
    name: json.loads(FOLDER.joinpath(name).read_text(encoding="utf-8"))
    for name in ("document.schema.json", "segment.schema.json", "event.schema.json")
}
_REGISTRY = Registry().with_resources(
    (name, Resource.from_contents(_closed(schema))) for name, schema in SCHEMAS.items()
)


def check_document(document):
    """Raise jsonschema.ValidationError if a json document is not as it is described."""
    _check(document, "document.schema.json")


def check_segment(segment):
    """The same for a line of jsonl."""
    _check(segment, "segment.schema.json")


def check_event(event):
    """The same for a line of live's jsonl."""
    _check(event, "event.schema.json")


def _check(value, name):
    Draft202012Validator(_closed(SCHEMAS[name]), registry=_REGISTRY).validate(value)
