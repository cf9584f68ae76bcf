"""The admin API: JSON for the SaaS, its operator and an organisation's admin."""
