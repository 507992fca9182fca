#!/usr/bin/env python3
"""Makes docs/demo.svg: a recording of `hansho demo`, as one static picture.

    cargo build --release --locked
    python3 docs/demo-svg.py

The script runs `target/release/hansho --lang en demo --for 20s` in a pseudo-terminal of COLUMNS
columns and draws every line of the output with its colours. Long lines are wrapped between words.
`--hansho PATH` names another binary; `--recording FILE` draws a file with terminal output instead
of running the demo.

Each run of characters has its position and its width in terminal cells, so that the picture keeps
its columns with the fonts of the reader. The picture has a background of its own and is therefore
readable on light and dark pages. Times, ports and delays differ from run to run.
"""

import argparse
import os
import pty
import re
import subprocess
import sys
import unicodedata
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ["--lang", "en", "demo", "--for", "20s"]
PROMPT = "$ hansho demo --for 20s"

COLUMNS = 110
CELL, LINE, SIZE, MARGIN, BAR = 7.8, 18, 13, 14, 30
BACKGROUND, FOREGROUND, BORDER = "#161b22", "#e6edf3", "#484f58"
# Colours by SGR code.
COLOURS = {"31": "#ff7b72", "33": "#e3b341", "97": "#ffffff"}
BACKGROUNDS = {"41": "#b62324"}
FONTS = (
    "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK JP', "
    "'Osaka-Mono', 'MS Gothic', monospace"
)


def record(binary):
    """Runs the demo in a pseudo-terminal and returns its output."""
    outer, inner = pty.openpty()
    # The window size, so that nothing depends on the terminal of the caller.
    subprocess.run(["stty", "cols", str(COLUMNS), "rows", "40"], stdin=inner, check=True)
    demo = subprocess.Popen([binary, *COMMAND], stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    printed = b""
    while True:
        try:
            some = os.read(outer, 65536)
        except OSError:  # The other end is closed.
            break
        if not some:
            break
        printed += some
    if demo.wait() != 0:
        sys.exit(printed.decode(errors="replace"))
    return printed.decode()


def cells(character):
    """Number of terminal cells of a character."""
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def styled(text):
    """Yields (character, SGR codes) for a line with escape sequences."""
    codes = ()
    for piece in re.split(r"(\x1b\[[0-9;]*m)", text):
        sequence = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if sequence:
            given = tuple(code for code in sequence.group(1).split(";") if code not in ("", "0"))
            codes = codes + given if given else ()
        else:
            yield from ((character, codes) for character in piece)


def wrapped(line):
    """Splits a line that is too long, between two words."""
    rows, row = [], list(styled(line))
    while sum(cells(character) for character, _ in row) > COLUMNS:
        ends = [at for at, (character, _) in enumerate(row) if character == " "]
        fits = [at for at in ends if sum(cells(c) for c, _ in row[:at]) <= COLUMNS]
        cut = fits[-1] if fits else COLUMNS // 2
        rows.append(row[:cut])
        row = row[cut:] if row[cut][0] != " " else row[cut + 1 :]
    return [*rows, row]


def runs(row):
    """Yields (column, text, width in cells, SGR codes) for neighbours of one style and width."""
    column, start, text, last = 0, 0, "", None
    for character, codes in row:
        kind = (codes, cells(character))
        if kind != last and text:
            yield start, text, column - start, last[0]
            start, text = column, ""
        text, last = text + character, kind
        column += cells(character)
    if text:
        yield start, text, column - start, last[0]


def draw_run(run, y):
    """Returns the SVG elements of one run."""
    column, text, width, codes = run
    x = MARGIN + column * CELL
    fill = next((COLOURS[code] for code in codes if code in COLOURS), FOREGROUND)
    behind = next((BACKGROUNDS[code] for code in codes if code in BACKGROUNDS), None)
    drawn = []
    if behind:
        drawn.append(
            f'<rect x="{x:.1f}" y="{y - LINE + 5}" width="{width * CELL:.1f}" height="{LINE}" '
            f'fill="{behind}"/>'
        )
    attributes = f'fill="{fill}"'
    if "1" in codes:
        attributes += ' font-weight="bold"'
    if "2" in codes:
        attributes += ' opacity="0.75"'
    per_character = width // len(text)
    if per_character == 2:
        attributes += f' font-size="{2 * CELL}"'
    # Pieces without two spaces in a row, which some renderers collapse.
    for piece in re.finditer(r"\S+(?: \S+)*", text):
        left = x + piece.start() * per_character * CELL
        length = len(piece.group()) * per_character * CELL
        drawn.append(
            f'<text x="{left:.1f}" y="{y}" textLength="{length:.1f}" '
            f'lengthAdjust="spacingAndGlyphs" {attributes}>{escape(piece.group())}</text>'
        )
    return drawn


def draw(printed):
    """Returns the SVG of terminal output."""
    lines = [PROMPT, *printed.replace("\r", "").strip("\n").split("\n")]
    rows = [row for line in lines for row in wrapped(line)]
    width = round(2 * MARGIN + COLUMNS * CELL)
    height = BAR + len(rows) * LINE + MARGIN
    body = []
    for at, row in enumerate(rows, start=1):
        for run in runs(row):
            body.extend(draw_run(run, BAR + at * LINE - 5))
    dots = "".join(
        f'<circle cx="{MARGIN + 6 + 18 * at}" cy="16" r="5" fill="{BORDER}"/>' for at in range(3)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-size="{SIZE}" '
        f'font-family="{FONTS}">\n'
        "<!-- Made by docs/demo-svg.py. -->\n"
        "<title>A terminal with the output of hansho demo</title>\n"
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" '
        f'fill="{BACKGROUND}" stroke="{BORDER}"/>\n'
        f"{dots}\n" + "\n".join(body) + "\n</svg>\n"
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--hansho", default=str(ROOT / "target/release/hansho"))
    arguments.add_argument("--recording", type=Path)
    given = arguments.parse_args()
    printed = given.recording.read_text() if given.recording else record(given.hansho)
    (ROOT / "docs/demo.svg").write_text(draw(printed))


main()
