"""`make guides`: write the guides that a customer gets, from the data that the console shows.

One page for each identity provider and language in docs/guides/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chalicelib.api.console.assets import FOLDER
from chalicelib.storage.connection_settings import PRESETS

DOCS = Path(__file__).parents[2] / "docs" / "guides"
Guide = Mapping[str, Any]

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Connect {provider}",
        "lead": "You need two values, which the page shows that you were invited to: the SCIM URL "
        "and a token. Keep that page open: it shows each request of {provider} as it comes, and "
        "what is wrong with one that is rejected.",
        "scim_url": "the SCIM URL of the page",
        "token": "the token of the page",
        "head": "| field | value |",
        "errors": "If an error is shown",
        "error_head": "| what {provider} shows | what it means | what to do |",
        "more": "[{provider}'s own documentation]({doc})",
        "other": "another identity provider",
    },
    "fr": {
        "title": "Connecter {provider}",
        "lead": "Il vous faut deux valeurs, que montre la page à laquelle vous avez été invité : "
        "l'URL SCIM et un jeton. Gardez cette page ouverte : elle montre chaque requête de "
        "{provider} à son arrivée, et ce qui ne va pas quand l'une est rejetée.",
        "scim_url": "l'URL SCIM de la page",
        "token": "le jeton de la page",
        "head": "| champ | valeur |",
        "errors": "Si une erreur s'affiche",
        "error_head": "| ce que montre {provider} | ce que cela veut dire | que faire |",
        "more": "[La documentation de {provider}]({doc})",
        "other": "un autre fournisseur d'identité",
    },
}


def main(_: Sequence[str]) -> int:
    """Write the pages."""
    DOCS.mkdir(exist_ok=True)
    found = dict(pages())
    for name, text in found.items():
        (DOCS / name).write_text(text, encoding="utf-8")
    print(f"Written: {len(found)} pages in docs/guides/.")
    return 0


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page."""
    for path in sorted((FOLDER / "guides").glob("*.json")):
        provider, language, _ = path.name.split(".")
        words = WORDS[language]
        name = words["other"] if provider == "other" else PRESETS[provider].title
        guide = json.loads(path.read_text(encoding="utf-8"))
        yield f"{provider}.{language}.md", "\n".join(_page(guide, name, words)) + "\n"


def _page(guide: Guide, provider: str, words: Mapping[str, str]) -> Iterator[str]:
    yield f"# {words['title'].format(provider=provider)}"
    yield f"\n{words['lead'].format(provider=provider)}"
    for number, step in enumerate(guide["steps"], 1):
        yield f"\n## {number}. {step['title']}\n\n{_bold(step['text'])}"
        if step["fields"]:
            yield f"\n{words['head']}\n|---|---|"
        for each in step["fields"]:
            value = words.get(each["value"], f"`{each['value']}`")
            yield f"| {each['label']} | {value} |"
    head = words["error_head"].format(provider=provider)
    yield f"\n## {words['errors']}\n\n{head}\n|---|---|---|"
    for each in guide["errors"]:
        yield f"| {each['seen']} | {_bold(each['means'])} | {_bold(each['fix'])} |"
    if guide["doc"]:
        yield f"\n{words['more'].format(provider=provider, doc=guide['doc'])}"


def _bold(text: str) -> str:
    return text.replace("*", "**")
