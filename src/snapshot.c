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

struct record {
    uint64_t bytes, count;
    const char *where;
    const gc_type *type; /* NULL: a tracked buffer */
    unsigned domain;
    size_t frame_count;
    void **frames; /* in the snapshot's own block */
};

struct gc_snapshot {
    size_t count;
    void **frames_end;
    struct record records[]; /* the frames come after them */
};

static gc_snapshot *snapshot_new(size_t count, size_t frame_count)
{
    size_t size;
    if (!gci_size_of_array(count, sizeof(struct record), sizeof(gc_snapshot), &size) ||
        !gci_size_of_array(frame_count, sizeof(void *), size, &size)) {
        return NULL;
    }
    gc_snapshot *snapshot = malloc(size);
    if (snapshot != NULL) {
        snapshot->count = 0;
        snapshot->frames_end = (void **)(void *)&snapshot->records[count];
    }
    return snapshot;
}

static void add_record(gc_snapshot *snapshot, const struct record *record)
{
    struct record *copy = &snapshot->records[snapshot->count++];
    *copy = *record;
    copy->frames = snapshot->frames_end;
    memcpy(copy->frames, record->frames, record->frame_count * sizeof(record->frames[0]));
    snapshot->frames_end += record->frame_count;
}

gc_snapshot *gc_snapshot_take(gc_heap *heap)
{
    size_t count = 0, frame_count = 0;
    for (uint32_t i = 0; i < gci_profile_site_count(heap); i++) {
        const struct gci_site *site = gci_profile_site_at(heap, i);
        count += site->count > 0;
        frame_count += site->count > 0 ? site->frame_count : 0;
    }
    gc_snapshot *snapshot = snapshot_new(count, frame_count);
    for (uint32_t i = 0; snapshot != NULL && i < gci_profile_site_count(heap); i++) {
        const struct gci_site *site = gci_profile_site_at(heap, i);
        if (site->count > 0) {
            add_record(snapshot, &(struct record){
                                     .bytes = site->count * site->size + site->bytes,
                                     .count = site->count,
                                     .where = site->where,
                                     .type = site->type,
                                     .domain = site->domain,
                                     .frame_count = site->frame_count,
                                     .frames = (void **)(uintptr_t)site->frames,
                                 });
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

static bool describes(const gc_filter *filter, const struct record *record)
{
    unsigned line;
    size_t length = parse_where(record->where, &line);
    const char *type = record->type == NULL ? NULL : record->type->name;
    return (!filter->by_domain || filter->domain == record->domain) &&
           (filter->file == NULL || matches(filter->file, record->where, length)) &&
           (filter->line == 0 || filter->line == line) &&
           (filter->type == NULL || (type != NULL && matches(filter->type, type, strlen(type))));
}

static bool is_kept(const gc_filter *filters, size_t count, const struct record *record)
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

gc_snapshot *gc_snapshot_filter(const gc_snapshot *snapshot, const gc_filter *filters, size_t count)
{
    size_t frame_count = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        frame_count += snapshot->records[i].frame_count;
    }
    gc_snapshot *kept = snapshot_new(snapshot->count, frame_count);
    for (size_t i = 0; kept != NULL && i < snapshot->count; i++) {
        if (is_kept(filters, count, &snapshot->records[i])) {
            add_record(kept, &snapshot->records[i]);
        }
    }
    return kept;
}

/* Groups. */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static int compare_frames(const struct gci_group *a, const struct gci_group *b)
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
    int order = compare_numbers(a->line, b->line);
    if (order == 0) {
        order = compare_numbers(a->length, b->length);
    }
    if (order == 0) {
        order = memcmp(a->text, b->text, a->length);
    }
    return order == 0 ? compare_frames(a, b) : order;
}

static int compare_entries(const void *left, const void *right)
{
    const struct gci_group *a = left, *b = right;
    int order = compare_keys(a, b);
    return order == 0 ? compare_numbers(a->record, b->record) : order;
}

/* The order of gc_snapshot_compare, which is that of gc_snapshot_statistics where nothing is old.
 */
static int compare_sizes(const void *left, const void *right)
{
    const struct gci_group *a = left, *b = right;
    int order = compare_numbers(distance(b->bytes, b->old_bytes), distance(a->bytes, a->old_bytes));
    if (order == 0) {
        order = compare_numbers(b->bytes, a->bytes);
    }
    if (order == 0) {
        order = compare_numbers(distance(b->count, b->old_count), distance(a->count, a->old_count));
    }
    if (order == 0) {
        order = compare_numbers(b->count, a->count);
    }
    if (order == 0) {
        order = strcmp(a->name, b->name);
    }
    return order == 0 ? compare_frames(a, b) : order;
}

static size_t entry_count(const gc_snapshot *snapshot, gc_group by)
{
    size_t count = 0;
    for (size_t i = 0; snapshot != NULL && i < snapshot->count; i++) {
        size_t frames = snapshot->records[i].frame_count;
        count += by == GC_BY_CUMULATIVE && frames > 1 ? frames : 1;
    }
    return count;
}

/* Add the entries of a record. `entry` says how much it holds, when, and which it is. */
static void add_entries(struct gci_groups *groups, struct gci_group entry,
                        const struct record *record, gc_group by)
{
    entry.text = record->where;
    entry.length = parse_where(record->where, &entry.line);
    if (by == GC_BY_FILE) {
        entry.line = 0;
    } else if (by == GC_BY_TYPE) {
        entry.text = record->type == NULL ? NULL : record->type->name;
        entry.length = record->type == NULL ? 0 : strlen(record->type->name);
        entry.line = 0;
        entry.number = record->domain;
    } else if (by == GC_BY_TRACEBACK) {
        entry.frames = record->frames;
        entry.frame_count = record->frame_count;
    }
    groups->items[groups->count++] = entry;
    /* Frame 0 is the line itself. */
    for (size_t i = 1; by == GC_BY_CUMULATIVE && i < record->frame_count; i++) {
        entry.text = NULL;
        entry.line = 0;
        entry.number = (uintptr_t)record->frames[i];
        groups->items[groups->count++] = entry;
    }
}

/* Give frames the key of their line, where it is known. */
static void find_lines(struct gci_groups *groups)
{
    /* speed only: those who ask for the same frame stand together */
    qsort(groups->items, groups->count, sizeof(groups->items[0]), compare_keys);
    for (size_t i = 0; i < groups->count && groups->items[i].text == NULL; i++) {
        struct gci_group *item = &groups->items[i];
        const void *frame = (const void *)item->number; /* it comes from a pointer to code */
        if (gci_lines_find(groups->lines, frame, &item->text, &item->line)) {
            item->length = strlen(item->text);
        }
    }
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
            to->bytes += from->bytes;
            to->count += from->count;
            to->old_bytes += from->old_bytes;
            to->old_count += from->old_count;
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
        group->name = group->text;
        if (group->text == NULL) {
            group->name = next;
            if (by == GC_BY_TYPE) {
                (void)snprintf(next, NUMBER_NAME_SIZE, "(domain %" PRIuPTR ")", group->number);
            } else {
                gci_lines_name(groups->lines, (void *)group->number, next, NUMBER_NAME_SIZE);
            }
            next += strlen(next) + 1;
        } else if (by != GC_BY_TYPE) {
            memcpy(next, group->text, group->length);
            next[group->length] = '\0';
            group->name = group->file = next;
            next += group->length + 1;
            if (group->line > 0) {
                (void)snprintf(next, group->length + LINE_SIZE, "%.*s:%u", (int)group->length,
                               group->text, group->line);
                group->name = next;
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
    for (size_t i = 0; i < newer->count; i++) {
        const struct record *record = &newer->records[i];
        struct gci_group entry = { .record = i, .bytes = record->bytes, .count = record->count };
        add_entries(groups, entry, record, by);
    }
    for (size_t i = 0; older != NULL && i < older->count; i++) {
        const struct record *record = &older->records[i];
        struct gci_group entry = { .record = newer->count + i,
                                   .old_bytes = record->bytes,
                                   .old_count = record->count };
        add_entries(groups, entry, record, by);
    }
    if (count > record_count) {
        if (!gci_lines_open(&groups->lines)) {
            gci_groups_free(groups);
            return false;
        }
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

static int visit_groups(const gc_snapshot *newer, const gc_snapshot *older, gc_group by,
                        gc_statistic_fn visit, void *arg)
{
    struct gci_groups groups;
    if (!gci_groups_of(&groups, newer, older, by)) {
        return GC_ERR_NOMEM;
    }
    int result = 0;
    for (size_t i = 0; result == 0 && i < groups.count; i++) {
        const struct gci_group *group = &groups.items[i];
        gc_statistic statistic = {
            .name = group->name,
            .file = group->file,
            .line = group->line,
            .frames = group->frames,
            .frame_count = group->frame_count,
            .bytes = group->bytes,
            .count = group->count,
            .bytes_diff = older == NULL ? 0 : (int64_t)(group->bytes - group->old_bytes),
            .count_diff = older == NULL ? 0 : (int64_t)(group->count - group->old_count),
        };
        result = visit(&statistic, arg); /* user code may run here */
    }
    gci_groups_free(&groups);
    return result;
}

int gc_snapshot_statistics(const gc_snapshot *snapshot, gc_group group, gc_statistic_fn visit,
                           void *arg)
{
    return visit_groups(snapshot, NULL, group, visit, arg);
}

int gc_snapshot_compare(const gc_snapshot *newer, const gc_snapshot *older, gc_group group,
                        gc_statistic_fn visit, void *arg)
{
    return visit_groups(newer, older, group, visit, arg);
}
