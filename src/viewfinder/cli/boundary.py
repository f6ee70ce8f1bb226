"""Where errors become messages and exit codes, and results become JSON."""

import _thread
import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from threading import Timer
from typing import Any

import typer

from viewfinder.cli.flags import in_flags
from viewfinder.cli.groups import Flag, expanded, flags_of
from viewfinder.core.errors import Interrupted, OutputError, UsageError, ViewfinderError
from viewfinder.core.extras import not_installed

# A text that is longer than this is not read.
_LONGEST = 1_000
# A path that the system does not look at; any question about it raises these.
_OUT_OF_REACH = (errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP)
# As a shell has it for a program that SIGPIPE has ended.
_NO_READER = 141
# A disk, or the space that a user may take, is full.
_FULL, _FREE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT), "free some space"


def add_command(
    app: typer.Typer,
    command: Callable[..., None],
    *,
    name: str | None = None,
    panel: str | None = None,
    install: str | None = None,
) -> None:
    """Add a command whose errors on purpose end in a message and an exit code, without traceback.

    Its parameters may be records of options: see :mod:`viewfinder.cli.groups`. A usage error of the
    command line itself ends in 2, as Typer does it. So does a missing package; `install`
    is the command that installs all optional packages that the command needs.
    """
    run, flags = expanded(command), flags_of(command)

    @wraps(run)
    def guarded(**options: Any) -> None:
        _open_closed_streams()
        try:
            with _no_interrupt_lost():
                run(**options)
                sys.stdout.flush()
        except BrokenPipeError:
            _discard_stdout()
            raise typer.Exit(_NO_READER) from None
        except OSError as error:
            if error.errno in _OUT_OF_REACH and error.filename is not None:
                fact = f"Cannot reach {os.fsdecode(error.filename)}: {error.strerror}."
                show_error(UsageError(fact), flags)
                raise typer.Exit(UsageError.exit_code) from None
            if error.errno not in _FULL or error.filename is not None:
                raise
            _discard_stdout()
            full = OutputError(f"Cannot write to stdout: {error.strerror}.", remedy=_FREE)
            show_error(full, flags)
            raise typer.Exit(full.exit_code) from None
        except ViewfinderError as error:
            show_error(error, flags)
            raise typer.Exit(error.exit_code) from None
        except ModuleNotFoundError as error:
            refusal = not_installed(error, install)
            if refusal is None:
                raise
            show_error(refusal, flags)
            raise typer.Exit(refusal.exit_code) from None
        except KeyboardInterrupt:
            typer.echo("\nInterrupted.", err=True)
            raise typer.Exit(Interrupted.exit_code) from None

    app.command(name, rich_help_panel=panel)(guarded)


def _open_closed_streams() -> None:
    """Discard what is printed where a caller has closed stdout or stderr, as `print` does."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 (to the end)


def _discard_stdout() -> None:
    """Python writes what is left when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextmanager
def _no_interrupt_lost() -> Iterator[None]:
    """Raise Ctrl-C again where Python cannot: in a destructor or a callback of a weak reference.

    There it would print a traceback and go on.
    """
    before = sys.unraisablehook

    def again(unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # From another thread and later: at once, it would be lost in this hook.
            Timer(0.05, _thread.interrupt_main).start()
        else:
            before(unraisable)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def show_error(error: ViewfinderError, flags: Sequence[Flag]) -> None:
    """Print an error on stderr, naming the command's flags for the library's arguments and keys.

    The fact comes first, then what was expected, received, and the remedy.
    """
    from rich.text import Text

    from viewfinder.core.console import SafeConsole, visible

    fact, *details = map(visible, error.lines)
    console = SafeConsole(stderr=True, highlight=False)
    shown = Text("Error: ", "bold red") + Text(in_flags(_shortened(fact), flags, is_fact=True))
    with suppress(OSError):  # the exit code says that it failed where stderr cannot be written
        console.print(shown, soft_wrap=True)
        for detail in details:
            console.print(Text(in_flags(_shortened(detail), flags)), soft_wrap=True)


def _shortened(text: str) -> str:
    """A text whose middle is left out where a file's content makes it longer than a screen."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"


def print_json(document: Mapping[str, Any]) -> None:
    """Print a result on stdout as one JSON document; `docs/schemas.py` says what is in it."""
    from viewfinder.core.files import json_text

    print(json_text(document))
