"""The console: the page that an organisation's admin opens by a link."""
