# SPDX-License-Identifier: MIT
# Reads the figures that the executables print (see bench.h) and prints what run.sh promises:
# medians, ours beside each peer's, in the order of first appearance. Exits 1 when two libraries
# that report the same metric of the same workload disagree about the check.
BEGIN {
    FS = OFS = "\t"
}

{
    metric = $2 FS $3
    if (!(metric in check)) {
        metrics[++metric_count] = metric
        check[metric] = $5
        checked[metric] = $1
    } else if (check[metric] != $5) {
        printf "bench: %s, %s: %s comes to %s, %s to %s\n", $2, $3, checked[metric], \
            check[metric], $1, $5 >"/dev/stderr"
        failed = 1
        exit
    }
    if (!((metric, $1) in count)) {
        libraries[metric, ++library_count[metric]] = $1
    }
    # Kept sorted: the rounds are few.
    i = ++count[metric, $1]
    while (i > 1 && value[metric, $1, i - 1] > $4 + 0) {
        value[metric, $1, i] = value[metric, $1, i - 1]
        i--
    }
    value[metric, $1, i] = $4 + 0
}

function median(metric, library,    n, half) {
    n = count[metric, library]
    half = int((n + 1) / 2)
    return n % 2 ? value[metric, library, half] \
                 : (value[metric, library, half] + value[metric, library, half + 1]) / 2
}

END {
    if (failed) {
        exit 1
    }
    for (m = 1; m <= metric_count; m++) {
        metric = metrics[m]
        if (library_count[metric] == 1) {
            printf "%s\t%.3f\tnone\t-\t-\n", metric, median(metric, libraries[metric, 1])
        }
        for (p = 2; p <= library_count[metric]; p++) {
            ours = median(metric, "ours")
            peer = median(metric, libraries[metric, p])
            printf "%s\t%.3f\t%s\t%.3f\t%.3f\n", metric, ours, libraries[metric, p], peer, \
                ours / peer
        }
    }
}
