#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when an exported function is not documented whole.

Each has a block right above it that says since when it exists. A block with
@param, @retval or @return is a long one: it says whether the call blocks and
what threads may do, and its parameters are those of the function. A short one
may point to another function, which must exist.
"""
import re

import linting


def check_long(one):
    for word in ("Blocking:", "Thread-safety:"):
        if word not in one.doc:
            yield f"has no '{word}'"
    documented = re.findall(r"@param\s+(\w+)", one.doc)
    for name in documented:
        if name not in one.params:
            yield f"documents '{name}', which is no parameter"
    for name in one.params:
        if documented and name not in documented:
            yield f"does not document '{name}'"


def check_one(one, names):
    if not one.doc or not one.doc.startswith("/**"):
        yield "has no doc block"
        return
    if "Since:" not in one.doc:
        yield "has no 'Since:'"
    for name in re.findall(r"\b(bs_\w+)\(\)", one.doc):
        if name not in names:
            yield f"points to {name}(), which does not exist"
    if re.search(r"@(param|retval|return)\b", one.doc):
        yield from check_long(one)


def check(root):
    found = list(linting.declarations(root))
    names = {one.name for one in found}
    for one in found:
        for complaint in check_one(one, names):
            yield f"{one.header}:{one.line}: {one.name}() {complaint}"


def header(doc, declaration="BS_API int bs_a(int first);"):
    return {"include/backupsvc/a.h": f"{doc}\n{declaration}\n"}


GOOD = """/**
 * Do it.
 *
 * @param first  What.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */"""
SELF_TEST = [
    ("no doc block", header("")),
    ("no doc block", header("/* Do it. Since: 0.1 */")),
    ("no 'Since:'", header(GOOD.replace("Since: 0.1", ""))),
    ("no 'Blocking:'", header(GOOD.replace("Blocking: no.", ""))),
    ("no 'Thread-safety:'", header(GOOD.replace("Thread-safety:", ""))),
    ("'second', which is no parameter", header(GOOD.replace("first", "second"))),
    ("not document 'second'", header(GOOD, "BS_API int bs_a(int first,\n    int second);")),
    ("points to bs_b()", header("/** As bs_b(), but faster. Since: 0.1 */")),
]
CLEAN = {
    "include/backupsvc/a.h": GOOD
    + "\nBS_API BS_NODISCARD int bs_a(int first);\n"
    + "/** As bs_a(), twice. Since: 0.1 */\nBS_API int bs_b(char id_out[ID_SIZE], bs_cb f);\n"
}

if __name__ == "__main__":
    linting.main(check, SELF_TEST, CLEAN)
