/* SPDX-License-Identifier: MIT */
#ifndef OURO_SNAPSHOT_H
#define OURO_SNAPSHOT_H

/* What the records of snapshots add up to. */

#include "lines.h"

struct gci_group {
    const char *text; /* its key, with `length`, `line` and `frames`; NULL: `number` is */
    size_t length;
    unsigned line;    /* as in gc_statistic */
    uintptr_t number; /* a frame, or a domain */
    void *const *frames;
    size_t frame_count;
    size_t record; /* the last one that was added */
    uint64_t bytes, count, old_bytes, old_count;
    const char *name, *file; /* as in gc_statistic */
};

struct gci_groups {
    struct gci_group *items;
    size_t count;
    char *names;             /* those that are not in the program's own text */
    struct gci_lines *lines; /* or NULL; files' names are in there too */
};

/* The groups of one snapshot or, if `older` is not NULL, of two, in the order in which they are
 * visited. Returns false when memory is short, else they are for gci_groups_free. */
OURO_INTERNAL bool gci_groups_of(struct gci_groups *groups, const gc_snapshot *newer,
                                 const gc_snapshot *older, gc_group by);
OURO_INTERNAL void gci_groups_free(struct gci_groups *groups);

#endif
