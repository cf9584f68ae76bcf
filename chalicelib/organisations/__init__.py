"""What the operator and an organisation's admin manage: organisations, connections, tokens."""
