"""Passerelle: the SCIM 2.0 side of a SaaS, on AWS Lambda and one DynamoDB table.

Each line names a package or module and what it imports; every arrow leads down the list:

    app -> sweeper, stream, api, auth, storage, observability, settings
    sweeper -> api, events, organisations, directory, storage, observability, errors
    stream -> api, events, organisations, storage, observability
    api -> events, organisations, directory, auth, scim, storage, outbound, queues, observability,
        settings, errors
    events -> organisations, directory, auth, scim, storage, observability, outbound, queues, errors
    organisations -> directory, auth, scim, storage, settings, errors
    directory -> scim, storage, observability, errors
    auth -> storage, observability, outbound, settings, errors
    storage -> scim, settings, errors
    scim -> errors
    observability -> nothing
    outbound -> nothing
    queues -> nothing
    settings -> nothing
    errors -> nothing

`app` makes the AWS clients and registers the routes; `sweeper` is the function that runs on a
schedule, `stream` the one that the table's stream invokes. `api` turns HTTP requests into calls of
the packages below it, and results into responses. `organisations` holds what the SaaS and its
admins manage, `directory` the users and groups that SCIM provisions, `auth` the credentials;
`events` tells the SaaS what happened. `storage` is the only package that speaks to DynamoDB,
`outbound` the only module that sends requests to hosts outside of AWS, `queues` the only one that
sends to queues. `scim` is the protocol as pure functions.
"""

VERSION = "0.1.0"
