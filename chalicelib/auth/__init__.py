"""Authentication: a credential in, a principal out."""
