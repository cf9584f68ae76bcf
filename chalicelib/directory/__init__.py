"""What an identity provider provisions: users, teams and memberships of one connection."""
