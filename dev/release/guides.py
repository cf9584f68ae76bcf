"""`make guides`: write the guides that a customer gets, from the data that the console shows.

One page for each identity provider, way to sign in and language in docs/guides/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.api.console.assets import FOLDER
from chalicelib.storage.connection_settings import PRESETS

DOCS = Path(__file__).parents[2] / "docs" / "guides"
Guide = Mapping[str, Any]

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Connect {provider}",
        "lead": "What you paste is shown by the page that you were invited to: {values}. Keep that "
        "page open: it shows each request of {provider} as it comes, and what is wrong with one "
        "that is rejected.",
        "choose": "There, choose {way} as the way to sign in.",
        "token_way": "Secret token",
        "client_secret_way": "Client credentials",
        "federated_way": "Workload identity federation",
        "scim_url": "the SCIM URL of the page",
        "token": "the token of the page",
        "token_url": "the token endpoint of the page",
        "client_id": "the client identifier of the page",
        "client_secret": "the client secret of the page",
        "of_page": " of the page",
        "head": "| field | value |",
        "errors": "If an error is shown",
        "error_head": "| what {provider} shows | what it means | what to do |",
        "more": "[{provider}'s own documentation]({doc})",
        "other": "another identity provider",
    },
    "fr": {
        "title": "Connecter {provider}",
        "lead": "Ce que vous collez est affiché par la page à laquelle vous avez été invité : "
        "{values}. Gardez cette page ouverte : elle montre chaque requête de {provider} à son "
        "arrivée, et ce qui ne va pas quand l'une est rejetée.",
        "choose": "Choisissez-y {way} comme mode de connexion.",
        "token_way": "Jeton secret",
        "client_secret_way": "Informations d'identification du client",
        "federated_way": "Fédération d'identité de charge de travail",
        "scim_url": "l'URL SCIM de la page",
        "token": "le jeton de la page",
        "token_url": "le point de terminaison de jeton de la page",
        "client_id": "l'identificateur client de la page",
        "client_secret": "le secret client de la page",
        "of_page": " de la page",
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
    """Yield the name and the text of each page; that of a token has the provider's name alone."""
    for path in sorted((FOLDER / "guides").glob("*.json")):
        provider, language, _ = path.name.split(".")
        guide = json.loads(path.read_text(encoding="utf-8"))
        ways = {way for step in guide["steps"] for way in step.get("ways", ())}
        for way in sorted(ways) or ["token"]:
            name = provider if way == "token" else f"{provider}-{way.replace('_', '-')}"
            page = Page(provider, way, is_one_of_several=len(ways) > 1, words=WORDS[language])
            yield f"{name}.{language}.md", "\n".join(page.lines(guide)) + "\n"


@dataclass(frozen=True, slots=True)
class Page:
    """The page of a provider for one way to sign in, in the words of a language."""

    id: str
    way: str
    is_one_of_several: bool
    words: Mapping[str, str]

    def lines(self, guide: Guide) -> Iterator[str]:
        """Yield the lines of the page."""
        words, way = self.words, self.words[f"{self.way}_way"]
        provider = words["other"] if self.id == "other" else PRESETS[self.id].title
        steps, errors = (self._own(guide[name]) for name in ("steps", "errors"))
        values = dict.fromkeys(f["value"] for step in steps for f in step["fields"] if f["copy"])
        pasted = ", ".join(words[each].removesuffix(words["of_page"]) for each in values)
        title = words["title"].format(provider=provider)
        yield f"# {title} ({way.lower()})" if self.is_one_of_several else f"# {title}"
        yield f"\n{words['lead'].format(provider=provider, values=pasted)}"
        if self.is_one_of_several:
            yield words["choose"].format(way=_bold(f"*{way}*"))
        for number, step in enumerate(steps, 1):
            yield from self._step(number, step)
        yield from self._errors(provider, errors)
        if guide["doc"]:
            yield f"\n{words['more'].format(provider=provider, doc=guide['doc'])}"

    def _own(self, items: Sequence[Guide]) -> list[Guide]:
        return [each for each in items if self.way in each.get("ways", [self.way])]

    def _step(self, number: int, step: Guide) -> Iterator[str]:
        yield f"\n## {number}. {step['title']}\n\n{_bold(step['text'])}"
        if step["fields"]:
            yield f"\n{self.words['head']}\n|---|---|"
        for each in step["fields"]:
            value = self.words.get(each["value"], f"`{each['value']}`")
            yield f"| {each['label']} | {value} |"

    def _errors(self, provider: str, errors: Sequence[Guide]) -> Iterator[str]:
        head = self.words["error_head"].format(provider=provider)
        yield f"\n## {self.words['errors']}\n\n{head}\n|---|---|---|"
        for each in errors:
            yield f"| {each['seen']} | {_bold(each['means'])} | {_bold(each['fix'])} |"


def _bold(text: str) -> str:
    return text.replace("*", "**")
