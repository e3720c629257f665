/* SPDX-License-Identifier: MIT */
/* Memory goes back: `size` boxes are made, nine in ten are dropped at random, later the others. After either the
 * program goes on for two seconds, in which it makes a hundred boxes a millisecond, of which it keeps the
 * latest ten thousand. The figures are the bytes that are resident then, for each of the boxes made. */

#include BENCH_PEER

#include <unistd.h>

enum { MILLISECONDS = 2000, BOXES = 100, LATEST = 10000 };

static uint64_t go_on(void)
{
    box **latest = (box **)peer_array(LATEST);
    uint64_t check = 0;
    for (size_t i = 0; i < (size_t)MILLISECONDS * BOXES; i++) {
        box **place = &latest[i % LATEST];
        if (*place != NULL) {
            check += (*place)->value[0];
            box_drop(*place);
        }
        *place = box_new();
        (*place)->value[0] = i;
        if (i % BOXES == 0) {
            (void)usleep(1000);
        }
    }
    for (size_t i = 0; i < LATEST; i++) {
        box_drop(latest[i]);
        latest[i] = NULL;
    }
    peer_array_free((node **)latest);
    return check;
}

static void report(const char *metric, size_t before, size_t size, uint64_t check)
{
    size_t now = bench_resident_bytes();
    bench_report(metric, now > before ? (double)(now - before) / (double)size : 0, check);
}

void bench_goback(size_t size)
{
    peer_start();
    box **boxes = (box **)peer_array(size);
    uint32_t *order = bench_shuffled(size);
    size_t before = bench_resident_bytes();
    for (size_t i = 0; i < size; i++) {
        boxes[i] = box_new();
        boxes[i]->value[0] = i;
    }
    report("bytes_all", before, size, size);
    for (size_t i = 0; i < size; i++) {
        if (i == size / 10 * 9) {
            report("bytes_tenth", before, size, go_on());
        }
        box_drop(boxes[order[i]]);
        boxes[order[i]] = NULL;
    }
    report("bytes_none", before, size, go_on());
}
