/* SPDX-License-Identifier: MIT */
#ifndef OURO_SNAPSHOT_H
#define OURO_SNAPSHOT_H

/* What the records of snapshots add up to. */

#include "lines.h"

struct gci_group {
    gc_statistic shown;
    const char *text; /* its key, with `length`, the line and the frames; NULL: `number` is */
    size_t length;
    uintptr_t number; /* a frame, or a domain */
    size_t record;    /* the last one that was added */
};

struct gci_groups {
    struct gci_group *items;
    size_t count;
    gc_statistic total;      /* each record once */
    char *names;             /* those that are not in the program's own text */
    struct gci_lines *lines; /* or NULL; files' names are in there too */
};

static inline uint64_t gci_magnitude(int64_t number)
{
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

static inline void gci_statistic_add(gc_statistic *sum, const gc_statistic *part)
{
    sum->bytes += part->bytes;
    sum->count += part->count;
    sum->bytes_diff += part->bytes_diff;
    sum->count_diff += part->count_diff;
}

/* The index of the frame that a traceback begins with, in reports: the innermost whose line is that
 * of the group; 0 if there is none. The frames before it have passed the line on: functions of
 * ouro's own, and of the program. Where a call takes several lines, compilers disagree: __LINE__ may
 * be its last line, and that of the frame its first. So the nearest line before counts as well. */
OURO_INTERNAL size_t gci_first_frame(struct gci_lines *lines, const struct gci_group *group);

/* The groups of one snapshot or, if `older` is not NULL, of two, in the order in which they are
 * visited. Returns false when memory is short, else they are for gci_groups_free. */
OURO_INTERNAL bool gci_groups_of(struct gci_groups *groups, const gc_snapshot *newer,
                                 const gc_snapshot *older, gc_group by);
OURO_INTERNAL void gci_groups_free(struct gci_groups *groups);

#endif
