"""Databases of advisories, from wherever they are kept: files, the Go vulnerability database, Trivy."""
