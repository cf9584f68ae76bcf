"""Domains that many share, so that no customer can have verified one as their own.

Public suffixes such as `co.uk` (the ICANN part of the Public Suffix List), and domains of mail
providers such as `gmail.com`. A domain below one can be a customer's: `contoso.onmicrosoft.com`.
`make domains` writes the lists; they are read when a domain is added, which is seldom.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
PUBLIC_SUFFIXES = DATA / "public_suffixes.txt"
FAMILIES = frozenset({"gmail", "googlemail", "gmx", "hotmail", "outlook", "yahoo", "ymail"})
MAIL_PROVIDERS = DATA / "mail_providers.txt"


def is_shared(domain: str) -> bool:
    """Tell whether a domain, in lower case and ASCII, is a public suffix or a mail provider's."""
    return is_public_suffix(domain) or domain in _read(MAIL_PROVIDERS) or _is_of_family(domain)


def _is_of_family(domain: str) -> bool:
    """Tell whether a domain is that of a provider that has one in most countries."""
    name, _, above = domain.partition(".")
    return name in FAMILIES and ("." not in above or is_public_suffix(above))


def is_public_suffix(domain: str) -> bool:
    """Tell whether a domain itself is a public suffix: by a rule, by a wildcard above or below it.

    https://github.com/publicsuffix/list/wiki/Format: an exception (`!`) takes precedence.
    """
    rules = _read(PUBLIC_SUFFIXES)
    above = domain.partition(".")[2]
    candidates = {domain, f"*.{above}", f"*.{domain}"}
    return f"!{domain}" not in rules and not candidates.isdisjoint(rules)


@cache
def _read(path: Path) -> frozenset[str]:
    lines = path.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line[:1] != "#")
