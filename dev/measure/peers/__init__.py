"""`make peers`: our server beside other SCIM servers that a registry has, under the same load."""
