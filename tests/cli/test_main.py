import json
import subprocess
import sys

import pytest
import typer

from covidcxr.cli.main import build_app, run_command
from covidcxr.cli.sections import SECTIONS
from covidcxr.core.recipe_toml import recipe_names


def test_help_names_every_verb_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    out = capsys.readouterr().out
    assert "Example: covidcxr run" in out
    for command in build_app().registered_commands:
        assert str(command.name) in out


def test_every_verb_has_help_with_an_example() -> None:
    app = build_app()
    groups = [
        (group.name, group.typer_instance.registered_commands)
        for group in app.registered_groups
        if group.typer_instance
    ]
    for place, commands in [("", app.registered_commands), *groups]:
        for command in commands:
            assert "Example: covidcxr" in str(command.epilog), f"{place} {command.name}"


def test_an_unknown_verb_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["runn"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_an_unknown_recipe_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["recipes", "show", "zhong"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("covidcxr: unknown recipe 'zhong'")
    assert err.count("\n") == 1


def test_recipes_list_is_json_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["recipes", "list", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == recipe_names()


def test_help_needs_no_heavy_library() -> None:
    code = (
        "import sys; from covidcxr.cli.main import run_command; run_command(['--help']);"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sklearn', 'scipy', 'cv2', 'lightning_fabric'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_is_no_fault() -> None:
    done = subprocess.run(
        f"{sys.executable} -m covidcxr recipes show zhong2020 | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr("covidcxr.cli.recipes.recipe_names", interrupted)
    assert run_command(["recipes", "list"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_our_own_fault_exits_with_1_and_says_how_to_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("covidcxr.cli.recipes.recipe_names", broken)
    assert run_command(["recipes", "list"]) == 1
    assert "ZeroDivisionError: oops" in capsys.readouterr().err


def test_a_full_disk_exits_with_2_and_a_next_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> list[str]:
        raise OSError(28, "No space left on device", "/out/manifest.csv")

    monkeypatch.setattr("covidcxr.cli.recipes.recipe_names", full)
    assert run_command(["recipes", "list"]) == 2
    assert "/out/manifest.csv: the disk is full; free some space" in capsys.readouterr().err


def test_every_command_is_listed_once_under_a_heading_and_its_summary_fits_the_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    app = typer.main.get_command(build_app())
    listed = [name for commands in SECTIONS.values() for name in commands]
    assert sorted(listed) == sorted(app.commands)  # type: ignore[attr-defined]
    assert run_command(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(f"{title}:" in lines for title in SECTIONS)
    assert not any(line.endswith("...") and "[ARGS]" not in line for line in lines)
    summaries = [summary for commands in SECTIONS.values() for summary in commands.values()]
    assert all(any(line.endswith(summary) for line in lines) for summary in summaries)
