"""Play requests of identity providers on the running server."""
