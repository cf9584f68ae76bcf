"""The client of Passerelle for a SaaS: the admin API, a copy of the directory, webhooks.

admin.py       `Admin`: a method for each operation; types.py has the bodies and responses. Both are
               written from the OpenAPI document
http.py        requests, errors, and what is sent again
consumer.py    `Consumer`: keeps the application's copy equal to the directory
sqlite_copy.py `SqliteCopy`: a copy in SQLite
digest.py      `Copy`: the digest that proves it
webhooks.py    `verify`: the check of a delivery
"""

from passerelle_client.admin import Admin
from passerelle_client.consumer import Consumer, Difference, Store, pages
from passerelle_client.digest import Copy, StoredTeam, StoredUser
from passerelle_client.http import ApiError
from passerelle_client.sqlite_copy import SqliteCopy
from passerelle_client.webhooks import InvalidSignature, verify

__all__ = [
    "Admin",
    "ApiError",
    "Consumer",
    "Copy",
    "Difference",
    "InvalidSignature",
    "SqliteCopy",
    "Store",
    "StoredTeam",
    "StoredUser",
    "pages",
    "verify",
]
