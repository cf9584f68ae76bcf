"""What happened, for the SaaS: events from the table's stream, in one feed of all organisations."""
