"""Where the outside comes in: webhook, command line. Parse, call, answer."""
