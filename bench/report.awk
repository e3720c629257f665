# SPDX-License-Identifier: MIT
# Reads the figures that the peers print (see bench.h) and prints what run.sh promises: medians, those
# of the peer `ouro` beside each other's, in the order of first appearance. Exits 1 when two peers
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
        peers[metric, ++peer_count[metric]] = $1
    }
    # Kept sorted: the rounds are few.
    i = ++count[metric, $1]
    while (i > 1 && value[metric, $1, i - 1] > $4 + 0) {
        value[metric, $1, i] = value[metric, $1, i - 1]
        i--
    }
    value[metric, $1, i] = $4 + 0
}

function median(metric, peer,    n, half) {
    n = count[metric, peer]
    half = int((n + 1) / 2)
    return n % 2 ? value[metric, peer, half] \
                 : (value[metric, peer, half] + value[metric, peer, half + 1]) / 2
}

END {
    if (failed) {
        exit 1
    }
    for (m = 1; m <= metric_count; m++) {
        metric = metrics[m]
        ours = median(metric, "ouro")
        if (peer_count[metric] == 1) {
            printf "%s\t%.3f\tnone\t-\t-\n", metric, ours
        }
        for (p = 1; p <= peer_count[metric]; p++) {
            if (peers[metric, p] != "ouro") {
                theirs = median(metric, peers[metric, p])
                printf "%s\t%.3f\t%s\t%.3f\t%s\n", metric, ours, peers[metric, p], theirs, \
                    theirs == 0 ? "-" : sprintf("%.3f", ours / theirs)
            }
        }
    }
}
