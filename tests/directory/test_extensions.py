"""The cache of connections' own schemas: never stale, and bounded whatever is served."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import Any

from chalicelib.directory.extensions import MAX_CACHED_BYTES, UserTypes, user_type_of
from chalicelib.organisations.extensions import MAX_SCHEMA_CHARACTERS
from chalicelib.scim import catalog
from dev.measure import caches


def a_document(number: int = 0, attributes: int = 1) -> str:
    """Write a schema as it is stored."""
    each: list[dict[str, Any]] = [{"name": f"a{n}", "type": "string"} for n in range(attributes)]
    schema = {"id": f"urn:example:{number}:User", "name": "Own", "attributes": each}
    return json.dumps(catalog.dump(catalog.load(schema)), separators=(",", ":"))


LARGEST = caches.stored()


def traced(make):
    """Return what is made, and how many bytes of memory it takes."""
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return made, size


def test_the_largest_schemas_are_nearly_as_large_as_they_may_be():
    """Else the measurements below would say little."""
    assert all(0.8 < len(each) / MAX_SCHEMA_CHARACTERS <= 1 for each in LARGEST)


def test_the_size_of_an_entry_is_not_less_than_its_memory():
    """An estimate that is too small would be no bound."""
    for documents in (LARGEST, LARGEST[:1], [a_document()], [a_document(attributes=100)]):
        entry, size = traced(lambda documents=documents: user_type_of(documents, 1))
        assert size <= entry.size


def test_a_connection_has_one_entry():
    """A hundred changes of its schemas cost the memory of one of them."""
    cache = UserTypes()
    for version in range(1, 101):
        cache.keep("c", user_type_of([a_document(version)], version))

    assert (len(cache._cached), cache._cached["c"].version) == (1, 100)
    assert cache.used_bytes == cache._cached["c"].size


def test_an_older_version_never_takes_the_place_of_a_newer_one():
    """A request that was authenticated before a change may read after it."""
    cache, newer, older = (
        UserTypes(),
        user_type_of([a_document(2)], 2),
        user_type_of([a_document(1)], 1),
    )
    cache.keep("c", newer)
    cache.keep("c", older)

    assert cache._cached["c"] is newer


def test_ten_thousand_connections_stay_within_the_bound():
    """Of the largest schemas, on the cache with values; those that were served last are kept."""
    cache, size = caches.full_cache()

    assert size <= cache.used_bytes <= MAX_CACHED_BYTES
    assert list(cache._cached)[-1] == "c9999"


def test_small_schemas_of_many_connections_are_all_kept():
    """A schema of a few attributes is what a connection has."""
    cache = UserTypes()
    for number in range(1_000):
        cache.keep(f"c{number}", user_type_of([a_document(attributes=5)], 1))

    assert len(cache._cached) == 1_000


def test_what_is_larger_than_the_cache_is_served_and_not_kept():
    """Nothing is left of it."""
    cache = UserTypes(max_bytes=100)
    cache.keep("c", user_type_of([a_document()], 1))

    assert (len(cache._cached), cache.used_bytes) == (0, 0)
