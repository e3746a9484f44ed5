"""The ``covidcxr`` command: finds the commands, and turns errors into one sentence and an exit code.

Exit codes: 0 done, 1 our fault, 2 the input's or the caller's, 130 interrupted. Each file beside this one is a command
with a function ``register(app)``; none imports torch, scipy or the like before it runs.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import pkgutil
import sys
from typing import Annotated

import typer

import covidcxr.cli
from covidcxr.cli.sections import SectionedGroup
from covidcxr.core.artefacts import explain_os_error
from covidcxr.core.errors import CovidCxrError
from covidcxr.core.outside_text import visible

INTERRUPTED = 130  # 128 + SIGINT, as shells count
_NO_COMMANDS = {"main", "options", "sections"}
_EPILOG = "Example: covidcxr run zhong2020 --out runs/zhong2020. Research use only, not a diagnosis."


def build_app() -> typer.Typer:
    """Return the application with every command of this package registered."""
    app = typer.Typer(
        name="covidcxr",
        cls=SectionedGroup,
        help="COVID-19 chest X-ray datasets, classifiers, and what their scores are worth.",
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    for module in sorted(pkgutil.iter_modules(covidcxr.cli.__path__), key=lambda entry: entry.name):
        if module.name not in _NO_COMMANDS:
            importlib.import_module(f"covidcxr.cli.{module.name}").register(app)
    return app


class _VisibleFormatter(logging.Formatter):
    """One line per record: names of files come from outside."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message with what could forge a line, or move the cursor, written out."""
        return visible(super().format(record))


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):  # a name that is not UTF-8 is no reason to lose a batch
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler()
    handler.setFormatter(_VisibleFormatter())
    logging.getLogger("covidcxr").addHandler(handler)
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command line in this process and return its exit code."""
    try:
        result = build_app()(arguments, standalone_mode=False, prog_name="covidcxr")
        if result == INTERRUPTED:  # typer turns Ctrl-C into this code
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted; what was finished is kept, run the same command to go on")
        return INTERRUPTED
    except CovidCxrError as error:
        _say(str(error))
        return 2
    except typer.Exit as exit_:
        return exit_.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _unforeseen(error)


def _unforeseen(error: Exception) -> int:
    show = getattr(error, "show", None)  # a usage error of click, which typer carries
    if callable(show):
        show()
        return int(getattr(error, "exit_code", 2))
    if isinstance(error, MemoryError):
        _say("out of memory; use fewer --workers, or a smaller training.batch_size")
        return 2
    if isinstance(error, OSError):
        _say(f"{error.filename or 'a file'}: {explain_os_error(error)}")
        return 2
    if os.environ.get("COVIDCXR_TRACEBACK"):
        raise error
    _say(f"a fault of covidcxr itself: {type(error).__name__}: {error}")
    sys.stderr.write("Please report it with the output of the same command under COVIDCXR_TRACEBACK=1.\n")
    return 1


def _say(sentence: str) -> None:
    sys.stderr.write(f"covidcxr: {visible(sentence)}\n")


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"covidcxr {covidcxr.__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """COVID-19 chest X-ray datasets, classifiers, and what their scores are worth."""


if __name__ == "__main__":
    main()
