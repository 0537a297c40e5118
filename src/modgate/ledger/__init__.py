"""Facts that need queries or leases. Blobs never go here."""
