#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Count the test cases in meson's testlog.json.

cmocka and unittest tell how many cases they ran; a test that tells nothing is
one case. One that died, or that failed although its cases did not (a leak found
at the end, say), is a failed case more. The names of failed and skipped tests
come first, the last line is "PASSED FAILED SKIPPED".
"""
import json
import pathlib
import re
import sys

SKIP_CODE = 77


def count_cmocka(text):
    """Passed, failed, skipped cases of cmocka's groups; None when there are none."""
    if "[ RUN      ]" not in text:
        return None
    passed = len(re.findall(r"^\[       OK \]", text, re.MULTILINE))
    skipped = len(re.findall(r"^\[  SKIPPED \] (?!\d+ test)", text, re.MULTILINE))
    summaries = re.findall(r"^\[  SKIPPED \] (\d+) test", text, re.MULTILINE)
    skipped = max(sum(map(int, summaries)), 0) if summaries else skipped
    started = len(re.findall(r"^\[ RUN      \]", text, re.MULTILINE))
    return passed, started - passed - skipped, skipped


def count_unittest(text):
    ran = re.search(r"^Ran (\d+) tests?", text, re.MULTILINE)
    if not ran:
        return None
    end = text[ran.end() :]
    numbers = {word: int(n) for word, n in re.findall(r"(failures|errors|skipped)=(\d+)", end)}
    failed = numbers.get("failures", 0) + numbers.get("errors", 0)
    skipped = numbers.get("skipped", 0)
    return max(int(ran.group(1)) - failed - skipped, 0), failed, skipped


def count_test(test):
    text = test.get("stdout", "") + "\n" + test.get("stderr", "")
    code = test.get("returncode", 0)
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    if test["result"] == "SKIP" or code == SKIP_CODE:
        return 0, 0, 1
    counted = count_cmocka(text) or count_unittest(text)
    if not counted:
        return (1, 0, 0) if good else (0, 1, 0)
    passed, failed, skipped = counted
    if not good and failed == 0:
        failed = 1
    return passed, failed, skipped


def show(test):
    """What a failed test said, its end only."""
    text = (test.get("stdout", "") + "\n" + test.get("stderr", "")).strip()
    print(f"FAILED: {test['name']} ({test['result']}, exit status {test.get('returncode')})")
    lines = [line for line in text.split("\n") if not re.match(r"\[( RUN|       OK)", line)]
    print("\n".join("    " + line for line in lines[-40:]))


def main():
    totals = [0, 0, 0]
    log = pathlib.Path(sys.argv[1])
    text = log.read_text(errors="replace") if log.exists() else ""
    for line in text.split("\n"):
        if not line.strip():
            continue
        test = json.loads(line)
        counts = count_test(test)
        totals = [total + count for total, count in zip(totals, counts)]
        if counts[1]:
            show(test)
        elif counts[2]:
            print(f"skipped: {test['name']}: {counts[2]}")
    if not any(totals):
        print("FAILED: no test has run")
        totals[1] = 1
    print(*totals)


if __name__ == "__main__":
    main()
