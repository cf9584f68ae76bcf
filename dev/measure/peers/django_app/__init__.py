"""The models of the site of django-scim2."""
