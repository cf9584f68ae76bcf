"""HTTP: the only package that knows Chalice. Requests come in, responses and errors go out."""
