"""What a command does with Ctrl-C at a moment at which Python would lose it."""

import time
import weakref

import pytest
import typer

from viewfinder.cli.boundary import add_command


def test_an_interrupt_inside_a_callback_of_a_weak_reference_ends_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = []

    class Thing:
        pass

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    def work() -> None:
        thing = Thing()
        watch = weakref.ref(thing, interrupted)
        del thing
        until = time.monotonic() + 20
        while time.monotonic() < until:
            time.sleep(0.01)
        ended.append(watch)

    app = typer.Typer()
    add_command(app, work)
    with pytest.raises(SystemExit) as stopped:
        app([], prog_name="work")
    assert stopped.value.code == 130
    assert ended == []
    assert capsys.readouterr().err == "\nInterrupted.\n"
