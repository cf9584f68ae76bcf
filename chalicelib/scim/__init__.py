"""RFC 7643 and 7644 as functions on values: no AWS, no Chalice, no clock, no log."""
