#!/usr/bin/env python3
"""Mutates the node and lets the simulator look for it: one build, all mutants (mutant schemata).

Every row of table.toml changes one place of `runtime`: a statement is left out, or an expression
or block is replaced. All are compiled into one copy of the tree, each behind a number; the variable
HANSHO_MUTANT chooses the one that is active. The simulator then runs seeds until one is red. A row
with `equivalent` says why no seed can be: it must stay green, or its reason is wrong. A row with
`rare` says what a run must meet for it, which few or none of so many do.

    python3 tests/mutants/run.py                 all rows, against 1,000 seeds and those once red
    python3 tests/mutants/run.py NAME…           some rows
    python3 tests/mutants/run.py --write         all rows, and the table in tests/mutants/README.md

Exit status 1 when a row is not as the table says.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "target" / "mutants"
SEEDS = 1000
# A mutant may never come to an end: that is found, too.
SECONDS_MAX = 300
SWITCH = """//! Which mutant is active; only in the copy that tests/mutants/run.py makes.

/// Whether it is this one.
pub(crate) fn is(number: u32) -> bool {
    static ACTIVE: std::sync::LazyLock<Option<u32>> =
        std::sync::LazyLock::new(|| std::env::var("HANSHO_MUTANT").ok()?.parse().ok());
    *ACTIVE == Some(number)
}
"""


def rows():
    table = tomllib.loads((ROOT / "tests/mutants/table.toml").read_text())
    return [dict(row, number=number) for number, row in enumerate(table["mutant"], 1)]


def place(text, row):
    """Where the text of a row begins: it must stand there once, after the line it names."""
    start = text.index(row["after"]) if "after" in row else 0
    at = text.find(row["find"], start)
    if at < 0 or ("after" not in row and text.find(row["find"], at + 1) >= 0):
        sys.exit(f"{row['name']}: not once in {row['file']}: {row['find']}")
    return at


def mutated(text, of_file):
    """A file with all its mutants; those of one place choose among each other."""
    spans = {}
    for row in of_file:
        at = place(text, row)
        spans.setdefault((at, at + len(row["find"])), []).append(row)
    for (at, end), here in sorted(spans.items(), reverse=True):
        chosen = text[at:end]
        is_statement = chosen.rstrip().endswith((";", "}"))
        for row in here:
            instead = row.get("replace", "")
            chosen = (
                f"if crate::mutant::is({row['number']}) {{ {instead} }} else {{ {chosen} }}"
            )
            chosen = chosen if is_statement else f"({chosen})"
        text = text[:at] + chosen + text[end:]
    return text


def copy_tree(table):
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    shutil.rmtree(COPY, ignore_errors=True)
    for name in filter(None, files):
        source, target = ROOT / name, COPY / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in {row["file"] for row in table}:
        path = COPY / "runtime/src" / name
        of_file = [row for row in table if row["file"] == name]
        path.write_text(mutated((ROOT / "runtime/src" / name).read_text(), of_file))
    (COPY / "runtime/src/mutant.rs").write_text(SWITCH)
    library = COPY / "runtime/src/lib.rs"
    library.write_text(library.read_text() + "\nmod mutant;\n")


def build():
    # The copy's own crates are built beside those of the tree; everything else is shared.
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    env = dict(os.environ, CARGO_TARGET_DIR=target)
    command = ["cargo", "test", "-p", "tests", "--locked", "--test", "simulation", "--no-run"]
    done = subprocess.run(command, cwd=COPY, env=env, stderr=subprocess.PIPE, text=True)
    found = re.search(r"\((\S*/deps/simulation-\S+)\)", done.stderr)
    if done.returncode or not found:
        sys.exit(done.stderr)
    return COPY / "tests" / found[1] if not found[1].startswith("/") else Path(found[1])


def runs(program, test, number, seeds):
    """Whether a test is red, and what it said."""
    env = dict(os.environ, HANSHO_SEEDS=seeds, HANSHO_MUTANT=str(number))
    command = [str(program), test, "--exact", "--nocapture"]
    try:
        done = subprocess.run(
            command, cwd=COPY / "tests", env=env, capture_output=True, text=True,
            errors="replace", timeout=SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        return True, "it never ends"
    return done.returncode != 0, done.stdout + done.stderr


def verdict(program, row):
    """By what a mutant was found; None where it was not."""
    is_red, said = runs(program, "crashes_change_nothing", row["number"], f"0..{SEEDS}")
    if is_red:
        seed = re.search(r"HANSHO_SEED=(\d+)", said)
        if seed:
            return f"seed {seed[1]}"
        panic = re.search(r"panicked at [^:]*:\d+:\d+:\n(.{0,60})", said)
        return f"a panic: {panic[1]}" if panic else said.strip().splitlines()[-1][:60]
    is_red, said = runs(program, "seeds_that_were_red_stay_green", row["number"], "0")
    if is_red:
        seed = re.search(r"HANSHO_SEED=(\d+)", said)
        return f"red seed {seed[1]}" if seed else "a seed once red"
    return None


def main():
    write = "--write" in sys.argv
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    table = rows()
    copy_tree(table)
    program = build()
    lines, wrong = [], []
    for row in table:
        if wanted and row["name"] not in wanted:
            continue
        found = verdict(program, row)
        same, rare = row.get("equivalent"), row.get("rare")
        is_right = found is None if same else found is not None or rare is not None
        if not is_right:
            wrong.append(row["name"])
        if found:
            shown = found
        else:
            shown = f"equivalent: {same}" if same else f"rare: {rare}" if rare else "NOT FOUND"
        print(f"{row['number']:3} {row['name']}: {shown}", flush=True)
        lines.append(f"| {row['number']} | `{row['file']}` | {row['name']} | {shown} |\n")
    if write and not wrong:
        page = ROOT / "tests/mutants/README.md"
        text = page.read_text()
        head = text[: text.index("| # |")] if "| # |" in text else text
        page.write_text(
            head + "| # | file | change | found by |\n|---|---|---|---|\n" + "".join(lines)
        )
    equivalent = sum("| equivalent: " in line for line in lines)
    rare = sum("| rare: " in line for line in lines)
    found = len(lines) - equivalent - rare - sum("| NOT FOUND" in line for line in lines)
    print(f"{len(lines)} mutants: {found} found within {SEEDS} seeds, {equivalent} equivalent, "
          f"{rare} rare, {len(wrong)} not as the table says")
    sys.exit(1 if wrong else 0)


main()
