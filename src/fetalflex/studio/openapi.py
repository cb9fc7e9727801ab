"""The description of the API, as OpenAPI 3.1."""

from __future__ import annotations

import re

from fetalflex import __version__
from fetalflex.files.json_files import JsonObject
from fetalflex.studio.messages import Message
from fetalflex.studio.routes import ENDPOINTS, EVENTS, EVENTS_PATH, JSON, Endpoint
from fetalflex.web import TOKEN_HEADER

PATH = "/api/openapi.json"
_ERRORS = {
    "400": "What was asked for cannot be; `error` says why, and how to mend it.",
    "401": "The token is missing or wrong.",
    "403": "The request comes from another site.",
    "404": "There is nothing with this id.",
    "405": "The address knows no such method.",
    "409": "Something else came first; `error` says what.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "421": "The server has another name.",
}


def description() -> JsonObject:
    """Return the description as JSON values, a fresh copy."""
    paths: dict[str, JsonObject] = {}
    schemas: JsonObject = {"Error": _ERROR}
    for one in ENDPOINTS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    paths[EVENTS_PATH] = {"get": _event_operation()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "FetalFlex Studio", "version": __version__, "description": _ABOUT},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": TOKEN_HEADER}},
        },
    }


_ABOUT = (
    "Synthetic fetal ultrasound images under anatomical control. For research and education, not for diagnosis. Every "
    "request needs the token that stands in the address printed at the start of `fetalflex studio`."
)
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}


def _operation(one: Endpoint, schemas: JsonObject) -> JsonObject:
    operation: JsonObject = {
        "operationId": one.handler.__name__,
        "summary": (one.handler.__doc__ or "").strip(),
        "parameters": _parameters(one),
        "responses": {"200": _answer(one.gives)} | _errors(one.may_conflict),
    }
    if one.method != "GET":
        names = [_schema(message, schemas) for message in one.takes]
        refs = [{"$ref": f"#/components/schemas/{name}"} for name in names]
        schema = {"type": "object", "maxProperties": 0} if not refs else refs[0] if len(refs) == 1 else {"oneOf": refs}
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return operation


def _event_operation() -> JsonObject:
    return {
        "operationId": "get_events",
        "summary": "Server-sent events: `job`, with the job and now and then a preview, until it has ended.",
        "parameters": [_parameter("job", "path")],
        "responses": {"200": _answer(EVENTS)} | _errors(False),
    }


def _schema(message: type[Message], schemas: JsonObject) -> str:
    schema = message.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[message.__name__] = schema
    return message.__name__


def _parameters(one: Endpoint) -> list[JsonObject]:
    inside = [_parameter(name, "path") for name in re.findall(r"{(\w+)}", one.path)]
    return [*inside, *(_parameter(name, "query") for name in one.queries)]


def _parameter(name: str, place: str) -> JsonObject:
    schema = {"type": "string", "maxLength": 200} | ({"pattern": "^[0-9]{1,9}$"} if name in ("set", "start") else {})
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _answer(kind: str) -> JsonObject:
    schema = {"type": "object"} if kind == JSON else {"type": "string"}
    return {"description": "As asked for.", "content": {kind: {"schema": schema}}}


def _errors(may_conflict: bool) -> JsonObject:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        status: {"description": text, "content": content}
        for status, text in _ERRORS.items()
        if may_conflict or status != "409"
    }
