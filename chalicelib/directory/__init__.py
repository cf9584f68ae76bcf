"""What an identity provider provisions: users, groups and memberships of one connection."""
