"""The HTTP side: URLs to requests, errors to statuses, pages for people."""
