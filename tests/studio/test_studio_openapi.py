from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from fetalflex.studio.openapi import PATH, description
from fetalflex.studio.routes import ENDPOINTS, EVENTS_PATH
from fetalflex.web import TOKEN_HEADER
from served import TOKEN, Client


@pytest.fixture(scope="module")
def client(serve_studio: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serve_studio(tmp_path_factory.mktemp("studio") / "work") as client:
        yield client


def test_the_description_is_served_and_names_every_address(client: Client) -> None:
    served = client.get(PATH).json
    assert served == json.loads(json.dumps(description()))
    assert set(served["paths"]) == {one.path for one in ENDPOINTS} | {EVENTS_PATH}
    assert client.send("GET", PATH, headers={TOKEN_HEADER: None}).status == 401


def test_all_references_lead_somewhere() -> None:
    text = json.dumps(description())
    schemas = description()["components"]["schemas"]
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= set(schemas)
    assert "#/$defs" not in text


def test_every_operation_says_what_it_does() -> None:
    found = [operation for ways in description()["paths"].values() for operation in ways.values()]
    assert all(operation["summary"].endswith(".") for operation in found)
    names = [operation["operationId"] for operation in found]
    assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of schemathesis and what it needs
def test_no_request_made_from_the_description_is_answered_with_500(client: Client) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install schemathesis")
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    checked = settings(
        max_examples=25, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=slow
    )
    schema = schemathesis.openapi.from_dict(description())
    base = f"http://127.0.0.1:{client.address.port}"
    statuses: list[int] = []

    def ask(case: Any) -> None:
        reply = case.call(base_url=base, headers={TOKEN_HEADER: TOKEN})
        statuses.append(reply.status_code)
        assert reply.status_code < 500, (case.method, case.path, case.path_parameters, case.query, case.body)

    for found in schema.get_all_operations():
        operation = found.ok()
        checked(given(operation.as_strategy())(ask))()
    assert len(statuses) > 100
    assert 200 in statuses
