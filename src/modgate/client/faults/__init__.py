"""A GOPROXY on loopback that fails as told, to rehearse a fallback with the real go command."""
