"""One request from routing to accounting. No I/O library is imported here."""
