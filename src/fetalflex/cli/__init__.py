"""The command line: one thin file per command. Modules here import nothing heavy before a command runs."""
