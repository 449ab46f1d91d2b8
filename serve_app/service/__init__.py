"""Use-cases over the ports of `core`; no I/O library is imported here."""
