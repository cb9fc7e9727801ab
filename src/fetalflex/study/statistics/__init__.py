"""The statistics of a reader study, each in a file; what libraries have is theirs, and the sources are named."""
