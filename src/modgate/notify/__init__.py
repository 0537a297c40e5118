"""Telling people: messages leave the outbox for webhooks."""
