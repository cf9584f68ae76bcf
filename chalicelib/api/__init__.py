"""HTTP: the only package that knows Chalice; requests come in, answers and errors go out."""
