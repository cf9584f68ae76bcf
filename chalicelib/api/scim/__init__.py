"""SCIM over HTTP: RFC 7644 section 3."""
