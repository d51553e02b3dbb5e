"""The commands `history` and `undo`: what they print, and that a refusal is one line."""

from __future__ import annotations

import re
from pathlib import Path

from tests.api.command_words import Run, write


def test_a_load_is_told_and_undone(run: Run, land: Path, tmp_path: Path) -> None:
    assert run("load", "grids", land).code == 0
    told = run("history", "grids")
    assert (told.code, told.err) == (0, "")
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
    assert re.fullmatch(rf" +1  {when}  system  load  1 new: banner\n", told.out)
    rows = "".join(f"s{n},103.1,42.1,{n}\n" for n in range(12))
    file = write(tmp_path / "s.csv", f"id,lon,lat,households\n{rows}")
    assert run("load", "settlements", file).code == 0
    assert re.search(r"  load  12 new: (s\d+, ){10}…\n$", run("history", "settlements").out)
    write(file, "id,lon,lat,households\ns1,103.1,42.15,90\n")
    assert run("load", "settlements", file).code == 0
    assert (
        run("history", "settlement", "s1")
        .out.splitlines()[0]
        .endswith("  load  changed: households, geometry")
    )
    undone = run("undo", "settlements", "s1")
    assert (undone.code, undone.err) == (0, "")
    assert undone.out == "set 3 (load) is undone by set 4\nsettlements: 1 changed\n"
    newest, before = run("history", "settlements", "s1", "--limit", 2).out.splitlines()
    assert newest.endswith("  system  undo  changed: households, geometry (of set 3)")
    assert before.endswith("  system  load  changed: households, geometry (undone)")
    assert run("undo", "settlements").out.endswith("settlements: 12 deleted\n")
    assert "no change that could be undone" in run("undo", "settlements").refusal


def test_what_cannot_be_told_or_undone_is_refused_in_one_line(run: Run) -> None:
    for command in ("history", "undo"):
        assert "'swamps' is no layer" in run(command, "swamps").refusal
        assert "there is and was no feature 'x'" in run(command, "roads", "x").refusal
        assert run(command).code == 2
    assert run("history", "roads", "--limit", 0).code == 2
    assert run("history", "roads").out == ""
