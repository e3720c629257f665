#!/usr/bin/env python3
"""Count the test cases of a run of `meson test`, and name those that failed.

meson alone cannot be asked: it counts executables, and one that speaks TAP but ends before its
first case it calls skipped. Here that is a failure, as is every executable that failed for another
reason than its cases: it crashed, hung, left some of its plan out, or valgrind found something.
Cases that say that they are skipped count as neither. What a test with failures has written to
stderr, where cmocka explains them, follows their names.
The last line is `N passed, N failed`.

    count_tests.py TESTLOG_JSON
"""
import json
import re
import sys
from pathlib import Path

PLAN = re.compile(r"^1\.\.(\d+)", flags=re.M)
EXPLAINED = 20  # lines
CASE = re.compile(r"^(ok|not ok)\b *(.*)", flags=re.M)


def count(test):
    """How many cases of a test passed, and the list of what failed."""
    name, out = test["name"], test.get("stdout", "")
    plan, cases = PLAN.search(out), CASE.findall(out)
    passed = sum(status == "ok" and "# SKIP" not in case for status, case in cases)
    failed = [f"{name}: {case}" for status, case in cases if status != "ok"]
    if plan is None and not cases and test["result"] == "OK":
        return 1, []  # not TAP: its exit status is its one case
    complete = plan is not None and int(plan[1]) == len(cases) > 0
    if not failed and (test["result"] not in ("OK", "SKIP") or not complete):
        failed = [f"{name}: {test['result']}, exit status {test['returncode']}, {passed} passed"]
    return passed, failed


def main(path):
    passed, failed, said = 0, [], []
    if Path(path).is_file():
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            test = json.loads(line)
            ok, wrong = count(test)
            passed += ok
            failed += wrong
            if wrong:
                said += test.get("stderr", "").splitlines()[-EXPLAINED:]
    if passed == 0 and not failed:
        failed = [f"{path}: no test ran"]
    for case in failed:
        print(f"failed: {case}")
    for line in said:
        print(f"    {line}")
    print(f"{passed} passed, {len(failed)} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
