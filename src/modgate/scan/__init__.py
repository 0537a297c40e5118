"""Having versions examined: by a scanner, which releases what is in quarantine, and for their licences."""
