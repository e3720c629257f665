/* SPDX-License-Identifier: MIT */

/* Snapshots of the profiler's records: filtered, added up, compared, printed.
 *
 * A snapshot is one block of the C library's memory, since it belongs to no heap. To add up, each
 * record becomes an entry, or with GC_BY_CUMULATIVE one for each of its frames. Entries with the
 * same key are merged into groups, each record once, then the groups are sorted by what they hold.
 * Keys are text and not addresses: the same "file.h:12" may have another address in every module,
 * and a line may have many calls. Frames whose line is not known are their own keys. */

#include "snapshot.h"

#include "profile.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

/* A record is a copy of a site, with all its bytes in `bytes`. */
struct gc_snapshot {
    size_t count;
    size_t record_size; /* in words */
    uint64_t records[];
};

static const struct gci_site *record_at(const gc_snapshot *snapshot, size_t index)
{
    return (const void *)&snapshot->records[index * snapshot->record_size];
}

static gc_snapshot *snapshot_new(size_t count, size_t record_size)
{
    /* No overflow: the profiler has them in memory, too. */
    gc_snapshot *snapshot = malloc(sizeof(*snapshot) + count * record_size * sizeof(uint64_t));
    if (snapshot != NULL) {
        *snapshot = (gc_snapshot){ .record_size = record_size };
    }
    return snapshot;
}

static void add_record(gc_snapshot *snapshot, const struct gci_site *site)
{
    uint64_t *place = &snapshot->records[snapshot->count++ * snapshot->record_size];
    struct gci_site *record = memcpy(place, site, snapshot->record_size * sizeof(*place));
    record->bytes += record->count * record->size;
    record->size = 0;
}

gc_snapshot *gc_snapshot_take(gc_heap *heap)
{
    size_t count = 0;
    for (uint32_t i = 0; i < gci_profile_site_count(heap); i++) {
        count += gci_profile_site_at(heap, i)->count > 0;
    }
    gc_snapshot *snapshot =
        snapshot_new(count, heap->profile == NULL ? 0 : heap->profile->site_size);
    for (uint32_t i = 0; snapshot != NULL && i < gci_profile_site_count(heap); i++) {
        const struct gci_site *site = gci_profile_site_at(heap, i);
        if (site->count > 0) {
            add_record(snapshot, site);
        }
    }
    return snapshot;
}

void gc_snapshot_free(gc_snapshot *snapshot)
{
    free(snapshot);
}

/* The length of the file's name in "file.c:12", and the line; 0: the text ends in no number. */
static size_t parse_where(const char *where, unsigned *line)
{
    const char *colon = strrchr(where, ':');
    const char *digit = colon == NULL ? "" : colon + 1;
    *line = 0;
    while (*digit >= '0' && *digit <= '9' && *line <= (UINT_MAX - 9) / 10) {
        *line = *line * 10 + (unsigned)(*digit++ - '0');
    }
    if (*digit != '\0') {
        *line = 0;
    }
    return *line == 0 ? strlen(where) : (size_t)(colon - where);
}

/* Filters. */

static bool matches(const char *glob, const char *text, size_t length)
{
    const char *end = text + length;
    const char *star = NULL, *retry = NULL; /* what the last star takes ends at `retry` */
    while (text < end) {
        if (*glob == '*') {
            star = glob++;
            retry = text;
        } else if (*glob == '?' || *glob == *text) {
            glob++;
            text++;
        } else if (star != NULL) {
            glob = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*glob == '*') {
        glob++;
    }
    return *glob == '\0';
}

static bool describes(const gc_profile_filter *filter, const struct gci_site *record)
{
    unsigned line;
    size_t length = parse_where(record->where, &line);
    const char *type = record->type == NULL ? NULL : record->type->name;
    return (!filter->by_domain || filter->domain == record->domain) &&
           (filter->file == NULL || matches(filter->file, record->where, length)) &&
           (filter->line == 0 || filter->line == line) &&
           (filter->type == NULL || (type != NULL && matches(filter->type, type, strlen(type))));
}

static bool is_kept(const gc_profile_filter *filters, size_t count, const struct gci_site *record)
{
    bool any_inclusive = false, included = false;
    for (size_t i = 0; i < count; i++) {
        bool described = describes(&filters[i], record);
        if (filters[i].exclusive && described) {
            return false;
        }
        any_inclusive = any_inclusive || !filters[i].exclusive;
        included = included || (!filters[i].exclusive && described);
    }
    return included || !any_inclusive;
}

gc_snapshot *gc_snapshot_filter(const gc_snapshot *snapshot, const gc_profile_filter *filters,
                                size_t count)
{
    gc_snapshot *kept = snapshot_new(snapshot->count, snapshot->record_size);
    for (size_t i = 0; kept != NULL && i < snapshot->count; i++) {
        if (is_kept(filters, count, record_at(snapshot, i))) {
            add_record(kept, record_at(snapshot, i));
        }
    }
    return kept;
}

/* Groups. */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_frames(const gc_statistic *a, const gc_statistic *b)
{
    int order = compare_numbers(a->frame_count, b->frame_count);
    for (size_t i = 0; i < a->frame_count && order == 0; i++) {
        order = compare_numbers((uintptr_t)a->frames[i], (uintptr_t)b->frames[i]);
    }
    return order;
}

static int compare_keys(const void *left, const void *right)
{
    const struct gci_group *a = left, *b = right;
    if (a->text == NULL || b->text == NULL) {
        int order = (a->text != NULL) - (b->text != NULL);
        return order == 0 ? compare_numbers(a->number, b->number) : order;
    }
    int order = compare_numbers(a->shown.line, b->shown.line);
    order = order == 0 ? compare_numbers(a->length, b->length) : order;
    order = order == 0 ? memcmp(a->text, b->text, a->length) : order;
    return order == 0 ? compare_frames(&a->shown, &b->shown) : order;
}

static int compare_entries(const void *left, const void *right)
{
    const struct gci_group *a = left, *b = right;
    int order = compare_keys(a, b);
    return order == 0 ? compare_numbers(a->record, b->record) : order;
}

/* The order of gc_snapshot_compare, which is that of gc_snapshot_statistics where there are no
 * differences. */
static int compare_sizes(const void *left, const void *right)
{
    const gc_statistic *a = &((const struct gci_group *)left)->shown;
    const gc_statistic *b = &((const struct gci_group *)right)->shown;
    int order = compare_numbers(gci_magnitude(b->bytes_diff), gci_magnitude(a->bytes_diff));
    order = order == 0 ? compare_numbers(b->bytes, a->bytes) : order;
    order = order == 0 ? compare_numbers(gci_magnitude(b->count_diff), gci_magnitude(a->count_diff))
                       : order;
    order = order == 0 ? compare_numbers(b->count, a->count) : order;
    order = order == 0 ? strcmp(a->name, b->name) : order;
    return order == 0 ? compare_frames(a, b) : order;
}

static size_t entry_count(const gc_snapshot *snapshot, gc_group by)
{
    size_t count = 0;
    for (size_t i = 0; snapshot != NULL && i < snapshot->count; i++) {
        size_t frames = record_at(snapshot, i)->frame_count;
        count += by == GC_BY_CUMULATIVE && frames > 1 ? frames : 1;
    }
    return count;
}

size_t gci_first_frame(struct gci_lines *lines, const struct gci_group *group)
{
    enum { CALL_LINES_MAX = 32 };
    size_t first = 0;
    const char *file;
    unsigned line, distance = CALL_LINES_MAX;
    for (size_t i = 0; i < group->shown.frame_count && distance > 0; i++) {
        if (gci_lines_find(lines, group->shown.frames[i], &file, &line) &&
            line <= group->shown.line && group->shown.line - line < distance &&
            strlen(file) == group->length && memcmp(file, group->text, group->length) == 0) {
            distance = group->shown.line - line;
            first = i;
        }
    }
    return first;
}

/* Add the entries of a record. `entry` says how much it holds, when, and which it is. */
static void add_entries(struct gci_groups *groups, struct gci_group entry,
                        const struct gci_site *record, gc_group by)
{
    entry.text = record->where;
    entry.length = parse_where(record->where, &entry.shown.line);
    if (by == GC_BY_FILE) {
        entry.shown.line = 0;
    } else if (by == GC_BY_TYPE) {
        entry.text = record->type == NULL ? NULL : record->type->name;
        entry.length = record->type == NULL ? 0 : strlen(record->type->name);
        entry.shown.line = 0;
        entry.number = record->domain;
    } else if (by == GC_BY_TRACEBACK) {
        entry.shown.frames = record->frames;
        entry.shown.frame_count = record->frame_count;
    }
    groups->items[groups->count++] = entry;
    gci_statistic_add(&groups->total, &entry.shown);
    if (by != GC_BY_CUMULATIVE) {
        return;
    }
    struct gci_group traceback = entry;
    traceback.shown.frames = record->frames;
    traceback.shown.frame_count = record->frame_count;
    /* The first is the line itself. */
    for (size_t i = gci_first_frame(groups->lines, &traceback) + 1; i < record->frame_count; i++) {
        entry.text = NULL;
        entry.shown.line = 0;
        entry.number = (uintptr_t)record->frames[i];
        groups->items[groups->count++] = entry;
    }
}

/* Give frames the key of their line, where it is known, and drop those of ouro.h. */
static void find_lines(struct gci_groups *groups)
{
    size_t used = 0;
    /* speed only: those who ask for the same frame stand together */
    qsort(groups->items, groups->count, sizeof(groups->items[0]), compare_keys);
    for (size_t i = 0; i < groups->count; i++) {
        struct gci_group *item = &groups->items[i];
        const void *frame = (const void *)item->number; /* it comes from a pointer to code */
        if (item->text == NULL && gci_lines_is_ours(groups->lines, frame)) {
            continue;
        }
        if (item->text == NULL &&
            gci_lines_find(groups->lines, frame, &item->text, &item->shown.line)) {
            item->length = strlen(item->text);
        }
        groups->items[used++] = *item;
    }
    groups->count = used;
}

static void merge(struct gci_groups *groups)
{
    size_t used = 0;
    qsort(groups->items, groups->count, sizeof(groups->items[0]), compare_entries);
    for (size_t i = 0; i < groups->count; i++) {
        const struct gci_group *from = &groups->items[i];
        struct gci_group *to = used == 0 ? NULL : &groups->items[used - 1];
        if (to == NULL || compare_keys(to, from) != 0) {
            groups->items[used++] = *from;
        } else if (to->record != from->record) { /* else it is a recursion */
            to->record = from->record;
            gci_statistic_add(&to->shown, &from->shown);
        }
    }
    groups->count = used;
}

/* Give the groups their names. Returns false when memory is short. */
static bool name_groups(struct gci_groups *groups, gc_group by)
{
    enum { NUMBER_NAME_SIZE = 256, LINE_SIZE = 12 };
    size_t size = 1;
    for (size_t i = 0; i < groups->count; i++) {
        const struct gci_group *group = &groups->items[i];
        size_t length = group->text == NULL ? NUMBER_NAME_SIZE : group->length + LINE_SIZE;
        if (!gci_size_of_array(2, length, size, &size)) {
            return false;
        }
    }
    char *next = groups->names = malloc(size);
    for (size_t i = 0; next != NULL && i < groups->count; i++) {
        struct gci_group *group = &groups->items[i];
        group->shown.name = group->text;
        if (group->text == NULL) {
            group->shown.name = next;
            if (by == GC_BY_TYPE) {
                (void)snprintf(next, NUMBER_NAME_SIZE, "(domain %" PRIuPTR ")", group->number);
            } else {
                gci_lines_name(groups->lines, (void *)group->number, next, NUMBER_NAME_SIZE);
            }
            next += strlen(next) + 1;
        } else if (by != GC_BY_TYPE) {
            memcpy(next, group->text, group->length);
            next[group->length] = '\0';
            group->shown.name = group->shown.file = next;
            next += group->length + 1;
            if (group->shown.line > 0) {
                (void)snprintf(next, group->length + LINE_SIZE, "%.*s:%u", (int)group->length,
                               group->text, group->shown.line);
                group->shown.name = next;
                next += strlen(next) + 1;
            }
        }
    }
    return groups->names != NULL;
}

void gci_groups_free(struct gci_groups *groups)
{
    gci_lines_close(groups->lines);
    free(groups->names);
    free(groups->items);
}

bool gci_groups_of(struct gci_groups *groups, const gc_snapshot *newer, const gc_snapshot *older,
                   gc_group by)
{
    size_t size;
    size_t count = entry_count(newer, by) + entry_count(older, by);
    size_t record_count = newer->count + (older == NULL ? 0 : older->count);
    *groups = (struct gci_groups){ 0 };
    if (!gci_size_of_array(count, sizeof(struct gci_group), 1, &size) ||
        (groups->items = malloc(size)) == NULL) {
        return false;
    }
    if (count > record_count && !gci_lines_open(&groups->lines)) {
        gci_groups_free(groups);
        return false;
    }
    for (size_t i = 0; i < record_count; i++) {
        bool is_new = i < newer->count;
        const struct gci_site *record =
            is_new ? record_at(newer, i) : record_at(older, i - newer->count);
        int64_t sign = older == NULL ? 0 : is_new ? 1 : -1;
        struct gci_group entry = { .record = i,
                                   .shown = { .bytes = is_new ? record->bytes : 0,
                                              .count = is_new ? record->count : 0,
                                              .bytes_diff = sign * (int64_t)record->bytes,
                                              .count_diff = sign * (int64_t)record->count } };
        add_entries(groups, entry, record, by);
    }
    if (count > record_count) {
        find_lines(groups);
    }
    merge(groups);
    if (!name_groups(groups, by)) {
        gci_groups_free(groups);
        return false;
    }
    qsort(groups->items, groups->count, sizeof(groups->items[0]), compare_sizes);
    return true;
}

int gc_snapshot_compare(const gc_snapshot *newer, const gc_snapshot *older, gc_group group,
                        gc_statistic_fn visit, void *arg)
{
    struct gci_groups groups;
    if (!gci_groups_of(&groups, newer, older, group)) {
        return GC_ERR_NOMEM;
    }
    int result = 0;
    for (size_t i = 0; result == 0 && i < groups.count; i++) {
        result = visit(&groups.items[i].shown, arg); /* user code may run here */
    }
    gci_groups_free(&groups);
    return result;
}

int gc_snapshot_statistics(const gc_snapshot *snapshot, gc_group group, gc_statistic_fn visit,
                           void *arg)
{
    return gc_snapshot_compare(snapshot, NULL, group, visit, arg);
}
