# SPDX-License-Identifier: MIT
# Compares what instructions.sh counted, the second file, with what is stored, the first. Exits 1
# when something has grown by more than is allowed, or is not in both.
BEGIN {
    # Four full collections in 33 million births, to see that what is built and dropped is no garbage:
    # docs/design/0035. More births cost no more of them.
    ACYCLIC_MAX = 1.08
}

/^#/ {
    split($0, parts, "; ")
    split(parts[2], words, " ")
    file++
    compiler[file] = parts[2]
    version[file] = words[2]
    machine[file] = words[3]
    if (file == 2) {
        allowed = 0.01
        if (machine[1] != machine[2]) {
            allowed = -1
            print "Stored for " compiler[1] ", this is " compiler[2] ": only shown."
        } else if (version[1] != version[2]) {
            allowed = 0.25
            print "Stored for " compiler[1] ", this is " compiler[2] ": 25 % more are allowed."
        }
    }
    next
}

file == 1 {
    stored[$1] = $2
    next
}

{
    verdict = ""
    if (!($1 in stored)) {
        verdict = "is not stored: bench/instructions.sh --update"
        failed = 1
    } else if (allowed >= 0 && $2 > stored[$1] * (1 + allowed)) {
        verdict = "MORE"
        failed = 1
    } else if (allowed >= 0 && $2 < stored[$1] * 0.99) {
        verdict = "less: bench/instructions.sh --update keeps it"
    }
    if ($1 == "acyclic-on-off" && $2 > ACYCLIC_MAX) {
        verdict = verdict " above the goal, " ACYCLIC_MAX
        if (allowed >= 0 && stored[$1] <= ACYCLIC_MAX) {
            failed = 1
        }
    }
    printf "%-20s %10s  stored %10s  %s\n", $1, $2, stored[$1], verdict
    delete stored[$1]
}

END {
    for (name in stored) {
        print name " is stored and was not counted: bench/instructions.sh --update"
        failed = 1
    }
    exit failed
}
