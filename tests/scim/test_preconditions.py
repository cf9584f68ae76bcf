"""If-Match and If-None-Match: RFC 7644 section 3.14, RFC 9110 section 13.1."""

import pytest

from chalicelib.errors import BadRequest, PreconditionFailed
from chalicelib.scim.preconditions import entity_tags

# The header as it came, a version, and whether the header names it.
NAMED = [
    (('W/"3"',), 'W/"3"', True),
    (('W/"3"',), 'W/"4"', False),
    (('"3"',), 'W/"3"', True),
    (('W/"1", W/"3"',), 'W/"3"', True),
    (('W/"1"', 'W/"3"'), 'W/"3"', True),
    (("*",), 'W/"3"', True),
    ((" * ",), 'W/"3"', True),
    (('W/"3.1"',), 'W/"3"', False),
]


@pytest.mark.parametrize(("header", "version", "named"), NAMED)
def test_a_header_names_versions(header, version, named):
    """One, some, or any; weak or strong, in one header or in several."""
    found = entity_tags(header)

    assert found is not None
    assert found.names(version) is named


def test_a_version_that_is_not_named_has_passed():
    """412: somebody else has changed the resource meanwhile."""
    found = entity_tags(('W/"3"',))

    assert found is not None
    found.require('W/"3"')
    with pytest.raises(PreconditionFailed):
        found.require('W/"4"')


def test_without_the_header_nothing_is_asked():
    """An empty header is not valid; a missing one is no precondition."""
    assert entity_tags(()) is None


@pytest.mark.parametrize("header", ["", "3", '"3', 'W/"', '""', 'W/"3" W/"4"', "*, *"])
def test_a_malformed_version_is_rejected(header):
    """To take it for one that has passed would hide the client's fault."""
    with pytest.raises(BadRequest, match="as in ETag"):
        entity_tags((header,))
