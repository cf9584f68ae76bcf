"""The admin API: JSON for the SaaS, the operator and the admins of an organisation."""
