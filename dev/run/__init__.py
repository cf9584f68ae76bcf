"""`make run`: engine, table, secrets, the app and a demo organisation on this machine."""
