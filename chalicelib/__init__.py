"""Passerelle: the SCIM 2.0 side of a SaaS, on AWS Lambda and one DynamoDB table.

The packages are the stations of a request; imports and calls go one way only:

    app -> api -> auth | directory | organisations -> storage

`scim` holds the protocol as pure functions: it imports none of the others, and all call it.
"""

VERSION = "0.1.0"
