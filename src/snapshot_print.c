/* SPDX-License-Identifier: MIT */

/* Snapshots in print, for people. */

#include "snapshot.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    SOURCE_SIZE = 160, /* what is shown of a line of source, with a final zero */
    LABEL_SIZE = 32,
};
static const uint64_t progress_after_ns = 1000000000, progress_every_ns = 100000000;

struct label {
    char text[LABEL_SIZE];
};

/* "+1.2 MiB": a size with one decimal, rounded, and what stands before it. */
static struct label size_label(const char *sign, uint64_t size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    struct label label;
    uint64_t unit = 1, whole = size, tenths = 0;
    size_t i = 0;
    while (whole >= 1024 && i < sizeof(units) / sizeof(units[0]) - 1) {
        i++;
        unit *= 1024;
        tenths = (size % unit * 10 + unit / 2) / unit;
        whole = size / unit + tenths / 10;
        tenths %= 10;
    }
    if (i == 0) {
        (void)snprintf(label.text, sizeof(label.text), "%s%" PRIu64 " B", sign, size);
    } else {
        (void)snprintf(label.text, sizeof(label.text), "%s%" PRIu64 ".%u %s", sign, whole,
                       (unsigned)tenths, units[i]);
    }
    return label;
}

static void print_amounts(const gc_statistic *shown, bool is_change, FILE *file)
{
    const char *objects = shown->count == 1 ? "object" : "objects";
    (void)fprintf(file, "%s", size_label("", shown->bytes).text);
    if (is_change) {
        const char *sign = shown->bytes_diff < 0 ? "-" : "+";
        (void)fprintf(file, " (%s), %" PRIu64 " %s (%+" PRId64 ")",
                      size_label(sign, gci_magnitude(shown->bytes_diff)).text, shown->count,
                      objects, shown->count_diff);
    } else {
        (void)fprintf(file, " (%" PRIu64 " %s", shown->count, objects);
    }
    if (shown->count > 0) {
        (void)fprintf(file, ", average %s", size_label("", shown->bytes / shown->count).text);
    }
    (void)fprintf(file, is_change ? "\n" : ")\n");
}

/* A build in a folder of its own calls its sources "../src/graph.c", and its programs are run from
 * anywhere: often from where the name without the dots is right. */
static FILE *open_source(const char *name)
{
    FILE *source = gci_sys_open_file(name);
    while (source == NULL && strncmp(name, "../", 3) == 0) {
        name += 3;
        source = gci_sys_open_file(name);
    }
    return source;
}

static void close_source(FILE *source)
{
    if (source != NULL) {
        (void)fclose(source);
    }
}

/* Print the beginning of a line without the white space around it, unless it is no text. */
static void print_source_line(char *text, FILE *file)
{
    size_t length = strlen(text);
    bool is_cut = length == SOURCE_SIZE - 1 && text[length - 1] != '\n';
    while (is_cut && length > 0 && (text[length - 1] & 0x80) != 0) {
        length--; /* no half characters */
    }
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) {
        length--;
    }
    text[length] = '\0';
    text += strspn(text, " \t");
    for (const char *at = text; *at != '\0'; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7F) {
            return; /* it might mean something to a terminal */
        }
    }
    if (*text != '\0') {
        (void)fprintf(file, "    %s%s\n", text, is_cut ? "..." : "");
    }
}

/* The beginning of the line of source that a group has. */
struct source {
    const gc_statistic *shown;
    char text[SOURCE_SIZE]; /* empty: it cannot be read */
};

static int compare_lines(const void *left, const void *right)
{
    const gc_statistic *a = ((const struct source *)left)->shown;
    const gc_statistic *b = ((const struct source *)right)->shown;
    int order = strcmp(a->file, b->file);
    return order == 0 ? (a->line > b->line) - (a->line < b->line) : order;
}

/* The order of the groups. */
static int compare_places(const void *left, const void *right)
{
    const gc_statistic *a = ((const struct source *)left)->shown;
    const gc_statistic *b = ((const struct source *)right)->shown;
    return (a > b) - (a < b);
}

/* Read the beginning of the next line. Returns whether there is one. */
static bool read_line(FILE *file, char text[SOURCE_SIZE])
{
    char rest[SOURCE_SIZE];
    bool is_read = fgets(text, SOURCE_SIZE, file) != NULL;
    const char *part = text;
    while (is_read && strchr(part, '\n') == NULL && fgets(rest, sizeof(rest), file) != NULL) {
        part = rest;
    }
    return is_read;
}

/* Read the lines of source of groups that have one, each file once. Reports list them by size, so
 * they are read before the first is printed. */
static void read_sources(struct source *sources, size_t count)
{
    char text[SOURCE_SIZE];
    FILE *file = NULL;
    unsigned line = 0; /* which is in `text` */
    qsort(sources, count, sizeof(sources[0]), compare_lines);
    for (size_t i = 0; i < count; i++) {
        const gc_statistic *shown = sources[i].shown;
        if (i == 0 || strcmp(shown->file, sources[i - 1].shown->file) != 0) {
            close_source(file);
            file = open_source(shown->file);
            line = 0;
        }
        while (file != NULL && line < shown->line && read_line(file, text)) {
            line++;
        }
        sources[i].text[0] = '\0';
        if (file != NULL && line == shown->line) {
            memcpy(sources[i].text, text, sizeof(text));
        }
    }
    close_source(file);
    qsort(sources, count, sizeof(sources[0]), compare_places);
}

static void print_frames(const struct gci_group *group, struct gci_lines *lines, FILE *file)
{
    char name[1024];
    const char *called = "in";
    for (size_t i = gci_first_frame(lines, group); i < group->shown.frame_count; i++) {
        if (!gci_lines_is_ours(lines, group->shown.frames[i])) {
            gci_lines_name(lines, group->shown.frames[i], name, sizeof(name));
            (void)fprintf(file, "        %s %s\n", called, name);
            called = "called from";
        }
    }
}

/* How far a long report is, on a terminal that does not show the report itself. */
struct progress {
    bool wanted, shown;
    uint64_t next_ns;
};

static void progress_show(struct progress *progress, size_t done, size_t count)
{
    uint64_t now_ns = progress->wanted ? gci_sys_clock_ns() : 0;
    if (progress->wanted && now_ns >= progress->next_ns) {
        (void)fprintf(stderr, "\rouro: %zu of %zu groups reported", done, count);
        (void)fflush(stderr);
        progress->shown = true;
        progress->next_ns = now_ns + progress_every_ns;
    }
}

static void progress_end(const struct progress *progress)
{
    if (progress->shown) {
        (void)fprintf(stderr, "\r%*s\r", 70, "");
        (void)fflush(stderr);
    }
}

static const char *title_of(gc_group by)
{
    static const char *const titles[] = {
        [GC_BY_LINE] = "line",
        [GC_BY_FILE] = "file",
        [GC_BY_TRACEBACK] = "traceback",
        [GC_BY_TYPE] = "type",
        [GC_BY_CUMULATIVE] = "frame, with what it called",
    };
    return titles[(size_t)by < sizeof(titles) / sizeof(titles[0]) ? by : GC_BY_LINE];
}

static bool is_shown(const gc_statistic *shown, bool is_change)
{
    return !is_change || shown->bytes_diff != 0 || shown->count_diff != 0;
}

/* The sources of the first `count` groups that are shown, in their order, with an end that is of
 * none. NULL: no memory. */
static struct source *sources_of(const struct gci_groups *groups, bool is_change, size_t count)
{
    size_t size, used = 0;
    if (!gci_size_of_array(count, sizeof(struct source), sizeof(struct source), &size)) {
        return NULL;
    }
    struct source *sources = malloc(size);
    for (size_t i = 0; sources != NULL && i < groups->count && count > 0; i++) {
        const gc_statistic *group = &groups->items[i].shown;
        if (is_shown(group, is_change)) {
            count--;
            sources[used].shown = group;
            used += group->line > 0;
        }
    }
    if (sources != NULL) {
        read_sources(sources, used);
        sources[used].shown = NULL;
    }
    return sources;
}

/* Returns false when memory is short: nothing is printed. */
static bool print_groups(const struct gci_groups *groups, bool is_change, gc_group by, size_t top,
                         FILE *file)
{
    gc_statistic others = { 0 };
    struct progress progress = {
        .wanted = gci_sys_is_terminal(stderr) && !gci_sys_is_terminal(file),
        .next_ns = gci_sys_clock_ns() + progress_after_ns,
    };
    size_t count = 0, shown = 0;
    for (size_t i = 0; i < groups->count && count < top; i++) {
        count += is_shown(&groups->items[i].shown, is_change);
    }
    struct source *sources = sources_of(groups, is_change, count), *source = sources;
    if (sources == NULL) {
        return false;
    }
    (void)fprintf(file, "[Top %zu] %s by %s\n", count,
                  is_change ? "changes of memory consumption" : "memory consumption", title_of(by));
    for (size_t i = 0; i < groups->count; i++) {
        const gc_statistic *group = &groups->items[i].shown;
        if (shown == count || !is_shown(group, is_change)) {
            gci_statistic_add(&others, group);
            continue;
        }
        (void)fprintf(file, "#%zu: %s: ", ++shown, group->name);
        print_amounts(group, is_change, file);
        if (source->shown == group) {
            print_source_line(source++->text, file);
        }
        print_frames(&groups->items[i], groups->lines, file);
        progress_show(&progress, shown, count);
    }
    progress_end(&progress);
    if (shown < groups->count) {
        (void)fprintf(file, "%zu other: ", groups->count - shown);
        print_amounts(&others, is_change, file);
    }
    (void)fprintf(file, "Total: ");
    print_amounts(&groups->total, is_change, file);
    free(sources);
    return true;
}

int gc_snapshot_print_compare(const gc_snapshot *newer, const gc_snapshot *older, gc_group group,
                              size_t top, FILE *file)
{
    struct gci_groups groups;
    if (!gci_groups_of(&groups, newer, older, group)) {
        return GC_ERR_NOMEM;
    }
    bool has_frames = false;
    for (size_t i = 0; i < groups.count; i++) {
        has_frames = has_frames || groups.items[i].shown.frame_count > 0;
    }
    bool done = (!has_frames || gci_lines_open(&groups.lines)) &&
                print_groups(&groups, older != NULL, group, top, file);
    gci_groups_free(&groups);
    return done ? 0 : GC_ERR_NOMEM;
}

int gc_snapshot_print(const gc_snapshot *snapshot, gc_group group, size_t top, FILE *file)
{
    return gc_snapshot_print_compare(snapshot, NULL, group, top, file);
}
