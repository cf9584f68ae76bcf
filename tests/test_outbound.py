"""Requests to hosts outside of AWS: to a public address that was checked, whole, and in time."""

from __future__ import annotations

import pytest

from chalicelib.outbound import NotAllowed, OutboundClient, OutboundRequest, Unreachable, is_public

PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "2002:5db8:d822::1"]
NOT_PUBLIC = [
    *("10.0.0.1", "127.0.0.1", "0.0.0.1", "169.254.169.254", "192.168.1.1", "172.16.0.1"),
    *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
    *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2002:7f00:1::"),
]


@pytest.mark.parametrize("address", [*PUBLIC, *NOT_PUBLIC])
def test_which_addresses_are_public(address):
    """Also those that lead to another one."""
    assert is_public(address) == (address in PUBLIC)


def attempt(url: str, *resolved: str) -> list[str]:
    """Send a request where a name has these addresses; return the names that were looked up."""
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return [*resolved]

    request = OutboundRequest("GET", url)
    with pytest.raises(NotAllowed):
        OutboundClient(resolve=resolve).send(request, seconds=1, max_bytes=10)
    return asked


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_has_one_private_address_is_not_reached(address):
    """A name server may return both, and another one the next time: it is asked once."""
    assert attempt("https://keys.example/", PUBLIC[0], address) == ["keys.example"]


URLS = [
    *("", "keys", "http://keys.example/", "ftp://keys.example/", "https:///keys"),
    *("https://keys.example:8443/", "https://keys.example:99999/", "https://me@keys.example/"),
    *("http://127.0.0.1/", "http://localhost/", "file:///etc/passwd", "https://[/"),
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_of_another_form_is_not_looked_up(url):
    """Only https, its port, and no user."""
    assert attempt(url, PUBLIC[0]) == []


def test_a_name_without_an_address_is_unreachable():
    """As one whose host is down."""

    def resolve(*_: object) -> list[str]:
        raise OSError

    with pytest.raises(Unreachable):
        OutboundClient(resolve=resolve).send(
            OutboundRequest("GET", "https://keys.example/"), seconds=1, max_bytes=10
        )
