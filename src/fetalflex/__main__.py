"""Run the command line as `python -m fetalflex`."""

from fetalflex.cli.app import main

if __name__ == "__main__":
    main()
