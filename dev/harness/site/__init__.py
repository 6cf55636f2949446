"""A database like that of a site which has worked for half a day, for people to look
at: filled by the runners of the server that serves it."""
