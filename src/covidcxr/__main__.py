"""``python -m covidcxr``: the command line."""

from covidcxr.cli.main import main

if __name__ == "__main__":
    main()
