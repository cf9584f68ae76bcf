"""Which domains a customer can own: none that many share, any below one."""

from __future__ import annotations

import pytest

from chalicelib.organisations.shared_domains import MAIL_PROVIDERS, PUBLIC_SUFFIXES, is_shared

SUFFIXES = [
    *("co.uk", "com.au", "co.jp", "gouv.fr", "asso.fr", "com.br", "gov.uk", "ac.uk", "org.uk"),
    *("k12.ca.us", "tokyo.jp", "shibuya.tokyo.jp", "com.tr", "co.nz", "kobe.jp"),
    # By a wildcard: everything below `*.ck` is a suffix, except what an exception names.
    *("anything.ck", "kawasaki.jp", "anything.kawasaki.jp"),
    # In ASCII form.
    *("xn--55qx5d.cn", "xn--od0alg.cn"),
]
PROVIDERS = [
    *("gmail.com", "googlemail.com", "outlook.com", "outlook.fr", "hotmail.com", "hotmail.co.uk"),
    *("live.com", "msn.com", "yahoo.com", "yahoo.co.jp", "yahoo.fr", "gmx.de", "gmx.net", "web.de"),
    *("t-online.de", "icloud.com", "me.com", "aol.com", "proton.me", "protonmail.com", "pm.me"),
    *("mail.ru", "yandex.ru", "qq.com", "163.com", "126.com", "orange.fr", "laposte.net", "sfr.fr"),
    *("free.fr", "wanadoo.fr", "libero.it", "seznam.cz", "wp.pl", "naver.com", "docomo.ne.jp"),
    *("onmicrosoft.com", "fastmail.com", "zoho.com", "comcast.net", "btinternet.com", "bluewin.ch"),
]
OWN = [
    *("example.com", "acme.co.uk", "acme.com.au", "www.ck", "city.kawasaki.jp", "city.kobe.jp"),
    # What companies rent below a provider's domain is theirs.
    *("contoso.onmicrosoft.com", "acme.github.io", "acme.gmail.com", "github.io", "dastra.eu"),
    *("microsoft.com", "google.com", "siemens.com", "outlook.acme.com", "gmail.acme.co.uk"),
    *("notgmail.com", "xn--bcher-kva.example", "a.b.c.d.example.org"),
]


@pytest.mark.parametrize("domain", [*SUFFIXES, *PROVIDERS])
def test_a_shared_domain_is_nobodys_own(domain):
    """Its users would be sent to one customer's identity provider."""
    assert is_shared(domain)


@pytest.mark.parametrize("domain", OWN)
def test_a_domain_of_ones_own_is_not_shared(domain):
    """Also below a shared one."""
    assert not is_shared(domain)


@pytest.mark.parametrize("domain", ["co.uk", "GMAIL.com", "Outlook.FR"])
def test_no_organisation_gets_a_shared_domain(operator, domain):
    """By neither way; 400 says why, and names the field."""
    from tests.support.builders import organisation_body  # noqa: PLC0415 - the other tests are pure

    path = "/admin/organisations"
    own = operator("POST", path, organisation_body()).body["id"]

    put = operator("PUT", f"{path}/{own}/domains/{domain}")
    made = operator("POST", path, organisation_body(domains=["example.com", domain]))

    assert (put.status, put.body["errors"][0]["field"]) == (400, "domain")
    assert (made.status, made.body["errors"][0]["field"]) == (400, "domains[1]")
    assert "mail provider" in made.body["detail"]


def test_the_lists_stay_small_and_say_where_they_are_from():
    """They are in the archive of both functions."""
    for file in (PUBLIC_SUFFIXES, MAIL_PROVIDERS):
        text = file.read_text(encoding="ascii")
        assert text.startswith("# "), file.name
        assert 4_000 < text.count("\n") < 8_000, file.name
        assert len(text) < 100_000, file.name
