"""The local hub of the tests serves its own test, and no other."""

from http.client import HTTPConnection

import pytest

from tests.models.fake_hub import FakeHub, running


@pytest.fixture
def hub(tmp_path):
    return FakeHub(tmp_path)


def test_after_its_end_it_does_not_answer_even_on_an_open_connection(hub):
    """A client keeps connections, and the next hub may get the port of this one."""
    with running(hub):
        connection = HTTPConnection(hub.url.partition("//")[2])
        connection.request("GET", "/api/models/someone/demo")
        response = connection.getresponse()
        assert (response.status, response.read()[:5]) == (200, b'{"id"')
        kept = connection.sock
        assert kept is not None
    kept.settimeout(60)
    assert kept.recv(1) == b""


def test_what_is_not_meant_for_it_takes_no_fault_away(hub):
    with running(hub):
        hub.statuses.append(500)
        connection = HTTPConnection(hub.url.partition("//")[2])
        for path, status in [("/v1/models", 404), ("/api/models/someone/demo", 500)]:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            assert response.status == status
