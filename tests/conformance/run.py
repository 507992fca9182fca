#!/usr/bin/env python3
"""Runs every case under cases/ against a hansho binary: run.py BINARY [CASE...]

Each case is replayed with 1 and with 2 workers. Both outputs must be byte-identical and hold
exactly the expected transitions, order within one instant aside. Only the fields that stand in
expected.jsonl are compared; numbers to 1e-9 relative. A case in expected-to-differ.txt must
differ.
"""

import datetime
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CASE_SECONDS_MAX = 60
KINDS = {"resolved": 0, "firing": 1, "changed": 2}


def order(line):
    key = json.dumps(line["key"], sort_keys=True)
    return (instant(line["at"]), line["alert"], key, KINDS.get(line["kind"], 9))


def instant(text):
    """Milliseconds of an RFC 3339 time in UTC."""
    time = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(time.timestamp() * 1000)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def agrees(want, got):
    """Whether a transition has the fields of an expected one."""
    for name, value in want.items():
        if name not in got:
            return False
        found = got[name]
        if is_number(value):
            if not is_number(found) or abs(value - found) > 1e-9 * max(1, abs(value)):
                return False
        elif name in ("at", "since"):
            if instant(found) != instant(value):
                return False
        elif found != value:
            return False
    return True


def lines(text):
    return sorted((json.loads(line) for line in text.splitlines() if line.strip()), key=order)


def difference(binary, folder):
    """What a case says that the binary does not, or None."""
    command = [binary, "replay", "--rules", str(folder / "case.rules")]
    command += (folder / "args").read_text().split()
    for log in sorted(folder.glob("ev.*.jsonl")):
        command += ["--input", str(log)]
    one, two = (
        subprocess.run(
            command + ["--workers", workers],
            capture_output=True,
            text=True,
            timeout=CASE_SECONDS_MAX,
        )
        for workers in ("1", "2")
    )
    said = one.stderr[-200:].strip()
    for run in (one, two):
        if run.returncode != 0:
            return f"ended with {run.returncode}: {run.stderr[-200:].strip()}"
    if one.stdout != two.stdout:
        return "1 and 2 workers differ"
    want = lines((folder / "expected.jsonl").read_text())
    try:
        got = lines(one.stdout)
    except (ValueError, KeyError) as why:
        return f"unreadable output ({why}): {said}"
    for place in range(max(len(want), len(got))):
        expected = want[place] if place < len(want) else None
        found = got[place] if place < len(got) else None
        if expected is None or found is None or not agrees(expected, found):
            return f"expected {expected or 'nothing more'}, got {found or 'nothing more'} {said}"
    return None


def listed():
    """The names in expected-to-differ.txt."""
    text = (HERE / "expected-to-differ.txt").read_text()
    named = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {line.split()[0] for line in named}


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    cases = HERE / "cases"
    names = sys.argv[2:] or sorted(folder.name for folder in cases.iterdir())
    differing = listed()
    unknown = [name for name in differing if not (cases / name).is_dir()]
    wrong = [f"{name}: listed in expected-to-differ.txt, and there is no such case" for name in unknown]
    for name in names:
        why = difference(binary, cases / name)
        if why and name not in differing:
            wrong.append(f"{name}: {why}")
        if not why and name in differing:
            wrong.append(f"{name}: passes, so take it out of expected-to-differ.txt")
    print("\n".join(wrong), end="\n" if wrong else "")
    known = len(differing.intersection(names))
    print(f"{known} of {len(names)} cases are expected to differ")
    print(f"{len(names) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
