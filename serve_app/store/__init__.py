"""Published catalogs: how they are written, where they are kept, hot reload."""
