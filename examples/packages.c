/* SPDX-License-Identifier: MIT */
/* The packages of a Debian system as a graph of objects.
 *
 *     packages [file [name]]
 *
 * reads a package database (/var/lib/dpkg/status), shows which packages need each other in circles,
 * which are needed most, why the package `name` is there, and which lines of this file made what is
 * in memory; then drops it all and shows what died how. The objects, and the references they hold:
 *
 *     catalog      -> package      by the hash of its name
 *     package      -> string       its name
 *                  -> dependency   its needs: "a | b" is one, either will do
 *                  -> dependency   the way back: those that have it among their options
 *                  -> package      virtual packages it provides; if it is one, who provides it
 *     dependency   -> package      whose need it is, and the options
 *
 * All of them are counted, and declared in the types below. That is all it takes: there is no code
 * that frees a graph. Version numbers and architectures are left out. dpkg.c knows the file format.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include <ouro.h>

#include "dpkg.h"

/* (1) The objects
 * =============== */

/* The profiler's name for the memory of lists. Objects are in domain 0. */
enum { LISTS = 1 };

/* An array of references that grows, inside an object whose type declares it. */
struct list {
    void **items;
    uint32_t count, room;
};

/* A leaf: it holds no references, so no collection ever looks at it. */
struct string {
    gc_object object;
    char text[]; /* gc_tail_length bytes, the final zero among them */
};

struct package {
    gc_object object;
    struct string *name;
    struct package *next;  /* in the same bucket of the catalog */
    struct list needs;     /* of dependencies */
    struct list needed_by; /* of dependencies */
    struct list provides;  /* of packages */
    struct list providers; /* of packages */
    bool installed;        /* else only spoken of: virtual, or not there */

    /* What find_circles and search find out: numbers, since pointers would have to be counted. */
    uint32_t number;       /* place in catalog.installed */
    uint32_t order, low;   /* of find_circles */
    uint32_t circle;       /* the same for packages that all need each other, from 1 */
    uint32_t circle_size;  /* how many these are */
    uint32_t needed_count; /* how many need this one */
    uint32_t mark;         /* the last search that came by, */
    uint32_t via;          /* the number of the package it came from, */
    enum field kind;       /* and by what kind of dependency */
};

struct dependency {
    gc_object object;
    enum field kind; /* PRE_DEPENDS, DEPENDS or RECOMMENDS */
    struct package *owner;
    struct package *options[]; /* gc_tail_length of them */
};

struct catalog {
    gc_object object;
    struct list installed;  /* of packages; the largest circles first, once they are found */
    struct package **queue; /* room for as many, borrowed: the searches work here */
    uint32_t searches;      /* how many there were */
    uint32_t circle_count;
    uint32_t skipped;          /* entries without a name or a status */
    struct package *buckets[]; /* gc_tail_length of them, a chain of packages in each */
};

static void list_free(gc_heap *heap, struct list *list)
{
    if (list->items != NULL) {
        gc_profile_untrack(heap, list->items);
    }
    gc_external_remove(heap, list->room * sizeof(*list->items));
    free(list->items);
}

/* The references are dropped before this is called; what is left are the arrays they were in. */
static void package_destroy(gc_object *self)
{
    struct package *package = (void *)self;
    gc_heap *heap = gc_heap_of(package);
    list_free(heap, &package->needs);
    list_free(heap, &package->needed_by);
    list_free(heap, &package->provides);
    list_free(heap, &package->providers);
}

static void catalog_destroy(gc_object *self)
{
    struct catalog *catalog = (void *)self;
    list_free(gc_heap_of(catalog), &catalog->installed);
    free(catalog->queue);
}

static const gc_type string_type = {
    .name = "string",
    .size = offsetof(struct string, text),
    .item_size = 1,
};

static const gc_type package_type = {
    .name = "package",
    .size = sizeof(struct package),
    .refs = OURO_FIELDS(OURO_REF(struct package, name), OURO_REF(struct package, next),
                        OURO_BUFFER(struct package, needs.items, needs.count),
                        OURO_BUFFER(struct package, needed_by.items, needed_by.count),
                        OURO_BUFFER(struct package, provides.items, provides.count),
                        OURO_BUFFER(struct package, providers.items, providers.count)),
    .destroy = package_destroy,
};

static const gc_type dependency_type = {
    .name = "dependency",
    .size = offsetof(struct dependency, options),
    .item_size = sizeof(struct package *),
    .refs = OURO_FIELDS(OURO_REF(struct dependency, owner), OURO_TAIL(struct dependency, options)),
};

static const gc_type catalog_type = {
    .name = "catalog",
    .size = offsetof(struct catalog, buckets),
    .item_size = sizeof(struct package *),
    .refs = OURO_FIELDS(OURO_BUFFER(struct catalog, installed.items, installed.count),
                        OURO_TAIL(struct catalog, buckets)),
    .destroy = catalog_destroy,
};

/* Append a reference of the list's own. Returns false when memory is short. */
static bool list_add(gc_heap *heap, struct list *list, void *object)
{
    if (list->count == list->room) {
        uint32_t room = list->room == 0 ? 2 : 2 * list->room;
        if (list->items != NULL) {
            gc_profile_untrack(heap, list->items);
        }
        void **items = realloc(list->items, room * sizeof(*items));
        if (items == NULL) {
            return false;
        }
        gc_profile_track(heap, items, room * sizeof(*items), LISTS);
        gc_external_add(heap, (room - list->room) * sizeof(*items));
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = gc_newref(object);
    return true;
}

/* (2) Reading
 * =========== */

/* Lend the package of a name, made if there is none. Returns NULL when memory is short. */
static struct package *package_peek(struct catalog *catalog, struct text name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.length; i++) {
        hash = (hash ^ (unsigned char)name.at[i]) * 16777619u;
    }
    struct package **bucket = &catalog->buckets[hash % gc_tail_length(catalog)];
    struct package *package = *bucket;
    for (; package != NULL; package = package->next) {
        if (gc_tail_length(package->name) == name.length + 1 &&
            memcmp(package->name->text, name.at, name.length) == 0) {
            return package;
        }
    }
    package = gc_new(gc_heap_of(catalog), &package_type);
    struct string *string = gc_new_var(gc_heap_of(catalog), &string_type, name.length + 1);
    if (package == NULL || string == NULL) {
        gc_xdecref(package);
        gc_xdecref(string);
        return NULL;
    }
    memcpy(string->text, name.at, name.length);
    gc_set_steal(&package->name, string);
    gc_swap(&package->next, bucket); /* the chain behind the package ... */
    gc_set_steal(bucket, package);   /* ... and the package at its head, which lends it to us */
    return package;
}

/* Add "a, b | c": a dependency for each part between commas. Returns false when memory is short. */
static bool add_dependencies(struct catalog *catalog, struct package *package, enum field kind,
                             struct text value)
{
    gc_heap *heap = gc_heap_of(catalog);
    struct text part, names, name;
    while (dpkg_next_part(&value, ',', &part)) {
        size_t count = 0;
        for (names = part; dpkg_next_name(&names, '|', &name);) {
            count++;
        }
        if (count == 0) {
            continue;
        }
        struct dependency *dependency = gc_new_var(heap, &dependency_type, count);
        if (dependency == NULL) {
            return false;
        }
        dependency->kind = kind;
        gc_set(&dependency->owner, package);
        bool ok = list_add(heap, &package->needs, dependency);
        names = part;
        for (size_t i = 0; ok && dpkg_next_name(&names, '|', &name); i++) {
            struct package *option = package_peek(catalog, name);
            gc_set(&dependency->options[i], option);
            ok = option != NULL && list_add(heap, &option->needed_by, dependency);
        }
        gc_decref(dependency); /* from here on the lists keep it */
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool add_provides(struct catalog *catalog, struct package *package, struct text value)
{
    gc_heap *heap = gc_heap_of(catalog);
    struct text name;
    while (dpkg_next_name(&value, ',', &name)) {
        struct package *provided = package_peek(catalog, name);
        if (provided == NULL || !list_add(heap, &package->provides, provided) ||
            !list_add(heap, &provided->providers, package)) {
            return false;
        }
    }
    return true;
}

/* Read the file into the catalog. Returns false when memory is short. */
static bool read_packages(struct catalog *catalog, struct text file)
{
    struct text fields[FIELDS], name;
    while (dpkg_next_entry(&file, fields)) {
        if (fields[STATUS].length == 0 || !dpkg_next_name(&fields[PACKAGE], '\n', &name)) {
            catalog->skipped++;
            continue;
        }
        if (!dpkg_is_installed(fields[STATUS])) {
            continue;
        }
        struct package *package = package_peek(catalog, name);
        bool ok = package != NULL;
        for (enum field kind = PRE_DEPENDS; ok && kind <= RECOMMENDS; kind++) {
            ok = add_dependencies(catalog, package, kind, fields[kind]);
        }
        ok = ok && add_provides(catalog, package, fields[PROVIDES]);
        if (ok && !package->installed) { /* one entry for each architecture is one package here */
            package->installed = true;
            ok = list_add(gc_heap_of(catalog), &catalog->installed, package);
        }
        if (!ok) {
            return false;
        }
    }
    catalog->queue = malloc((catalog->installed.count + 1) * sizeof(struct package *));
    return catalog->queue != NULL;
}

/* (3) Searching
 * ============= */

/* The neighbours of a package, one after the other, some of them more than once. */
struct cursor {
    struct package *at;
    enum field weakest; /* the dependencies that count */
    enum field kind;    /* the one that led to the last neighbour */
    size_t i, j, k;     /* where to go on */
};

typedef bool next_fn(struct cursor *cursor, struct package **neighbour);

/* What may satisfy the package's needs: of each need each option, and whoever provides it. */
static bool next_needed(struct cursor *cursor, struct package **needed)
{
    for (; cursor->i < cursor->at->needs.count; cursor->i++, cursor->j = 0) {
        const struct dependency *dependency = cursor->at->needs.items[cursor->i];
        cursor->kind = dependency->kind;
        for (; cursor->j < gc_tail_length(dependency); cursor->j++, cursor->k = 0) {
            struct package *option = dependency->options[cursor->j];
            while (cursor->k <= option->providers.count) {
                *needed = cursor->k == 0 ? option : option->providers.items[cursor->k - 1];
                cursor->k++;
                if ((*needed)->installed && *needed != cursor->at &&
                    cursor->kind <= cursor->weakest) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* The way back: those who have the package, or what it provides, among their options. */
static bool next_needing(struct cursor *cursor, struct package **needing)
{
    for (; cursor->i <= cursor->at->provides.count; cursor->i++, cursor->j = 0) {
        struct package *at =
            cursor->i == 0 ? cursor->at : cursor->at->provides.items[cursor->i - 1];
        while (cursor->j < at->needed_by.count) {
            const struct dependency *dependency = at->needed_by.items[cursor->j++];
            cursor->kind = dependency->kind;
            *needing = dependency->owner;
            if (*needing != cursor->at && cursor->kind <= cursor->weakest) {
                return true;
            }
        }
    }
    return false;
}

/* From queue[0..count) go on to all they need, or to all that need them, nearest first, without
 * leaving `circle` (0: anywhere). Returns how many are in the queue then. */
static size_t search(struct catalog *catalog, size_t count, next_fn *next, enum field weakest,
                     uint32_t circle)
{
    struct package **queue = catalog->queue, *to;
    catalog->searches++;
    for (size_t i = 0; i < count; i++) {
        queue[i]->mark = catalog->searches;
        queue[i]->via = queue[i]->number;
    }
    for (size_t i = 0; i < count; i++) {
        struct cursor cursor = { .at = queue[i], .weakest = weakest };
        while (next(&cursor, &to)) {
            if (to->mark != catalog->searches && (circle == 0 || to->circle == circle)) {
                to->mark = catalog->searches;
                to->via = queue[i]->number;
                to->kind = cursor.kind;
                queue[count++] = to;
            }
        }
    }
    return count;
}

static int compare_circles(const void *left, const void *right)
{
    const struct package *a = *(void *const *)left, *b = *(void *const *)right;
    if (a->circle_size != b->circle_size) {
        return a->circle_size > b->circle_size ? -1 : 1;
    }
    if (a->circle != b->circle) {
        return a->circle < b->circle ? -1 : 1;
    }
    return strcmp(a->name->text, b->name->text);
}

/* Number the circles by Tarjan's algorithm, with a path of cursors in place of recursion, and sort
 * the packages by them. Returns false when memory is short. */
static bool find_circles(struct catalog *catalog)
{
    struct list *installed = &catalog->installed;
    struct cursor *path = malloc(installed->count * sizeof(*path));
    if (path == NULL) {
        return false;
    }
    struct package **open = catalog->queue, *to; /* entered, but in no circle yet */
    size_t depth = 0, open_count = 0;
    uint32_t order = 0;
    for (uint32_t i = 0; i < installed->count; i++) {
        struct package *enter = installed->items[i];
        if (enter->order != 0) {
            continue;
        }
        do {
            if (enter != NULL) {
                enter->order = enter->low = ++order;
                open[open_count++] = enter;
                path[depth++] = (struct cursor){ .at = enter, .weakest = DEPENDS };
                enter = NULL;
            }
            struct package *at = path[depth - 1].at;
            if (next_needed(&path[depth - 1], &to)) {
                if (to->order == 0) {
                    enter = to;
                } else if (to->circle == 0 && to->order < at->low) {
                    at->low = to->order;
                }
                continue;
            }
            depth--;
            if (depth > 0 && at->low < path[depth - 1].at->low) {
                path[depth - 1].at->low = at->low;
            }
            if (at->low == at->order) { /* at and all that were entered after it need each other */
                size_t end = open_count;
                catalog->circle_count++;
                do {
                    open[--open_count]->circle = catalog->circle_count;
                } while (open[open_count] != at);
                for (size_t j = open_count; j < end; j++) {
                    open[j]->circle_size = (uint32_t)(end - open_count);
                }
            }
        } while (depth > 0);
    }
    free(path);
    qsort(installed->items, installed->count, sizeof(*installed->items), compare_circles);
    for (uint32_t i = 0; i < installed->count; i++) {
        ((struct package *)installed->items[i])->number = i;
    }
    return true;
}

/* Verify what find_circles says in another way: the first of a circle reaches all others inside it
 * and back, and no need leads to a circle with a higher number, so that none was cut in two. */
static bool check_circles(struct catalog *catalog)
{
    struct package *first, *to;
    for (uint32_t i = 0; i < catalog->installed.count; i += first->circle_size) {
        first = catalog->queue[0] = catalog->installed.items[i];
        if (search(catalog, 1, next_needed, DEPENDS, first->circle) != first->circle_size ||
            search(catalog, 1, next_needing, DEPENDS, first->circle) != first->circle_size) {
            return false;
        }
    }
    for (uint32_t i = 0; i < catalog->installed.count; i++) {
        struct cursor cursor = { .at = catalog->installed.items[i], .weakest = DEPENDS };
        while (next_needed(&cursor, &to)) {
            if (to->circle > cursor.at->circle) {
                return false;
            }
        }
    }
    return true;
}

/* (4) Telling
 * =========== */

enum { LINES = 5, NAMES = 8 };

static void print_circles(struct catalog *catalog)
{
    const struct list *installed = &catalog->installed;
    const struct package *first;
    uint32_t circles = 0, members = 0;
    for (; members < installed->count; members += first->circle_size, circles++) {
        first = installed->items[members];
        if (first->circle_size == 1) {
            break;
        }
    }
    printf("\nWho needs each other: %" PRIu32 " packages in %" PRIu32 " circles%s\n", members,
           circles, circles > LINES ? ", the largest first" : "");
    for (uint32_t line = 0, i = 0; line < LINES && i < members; line++, i += first->circle_size) {
        first = installed->items[i];
        printf("%8" PRIu32 "  %s", first->circle_size, first->name->text);
        for (uint32_t j = 1; j < first->circle_size && j < NAMES; j++) {
            printf(", %s", ((const struct package *)installed->items[i + j])->name->text);
        }
        printf("%s\n", first->circle_size > NAMES ? ", ..." : "");
    }
}

static int compare_needed(const void *left, const void *right)
{
    const struct package *a = *(struct package *const *)left, *b = *(struct package *const *)right;
    if (a->needed_count != b->needed_count) {
        return a->needed_count > b->needed_count ? -1 : 1;
    }
    return strcmp(a->name->text, b->name->text);
}

static void print_most_needed(struct catalog *catalog)
{
    struct package *from;
    uint32_t count = catalog->installed.count;
    for (uint32_t i = 0; i < count; i++) {
        struct package *package = catalog->queue[i] = catalog->installed.items[i];
        struct cursor cursor = { .at = package, .weakest = DEPENDS };
        catalog->searches++;
        while (next_needing(&cursor, &from)) {
            package->needed_count += from->mark != catalog->searches;
            from->mark = catalog->searches;
        }
    }
    qsort(catalog->queue, count, sizeof(*catalog->queue), compare_needed);
    printf("\nNeeded most: by how many packages, directly\n");
    for (uint32_t i = 0; i < count && i < LINES; i++) {
        printf("%8" PRIu32 "  %s\n", catalog->queue[i]->needed_count,
               catalog->queue[i]->name->text);
    }
}

/* Print the shortest way to a package from one that nobody needs, outside its own circle at most:
 * somebody must have asked for that one. Without a name: to the package with the longest way. */
static void print_why(struct catalog *catalog, const char *name)
{
    const struct list *installed = &catalog->installed;
    struct package *from;
    size_t count = 0;
    for (uint32_t i = 0; i < installed->count; i++) {
        struct cursor cursor = { .at = installed->items[i], .weakest = RECOMMENDS };
        bool needed = false;
        while (!needed && next_needing(&cursor, &from)) {
            needed = from->circle != cursor.at->circle;
        }
        if (!needed) {
            catalog->queue[count++] = cursor.at;
        }
    }
    count = search(catalog, count, next_needed, RECOMMENDS, 0);
    struct package *package = count > 0 ? catalog->queue[count - 1] : installed->items[0];
    if (name != NULL) {
        package = package_peek(catalog, (struct text){ name, strlen(name) });
        if (package == NULL || !package->installed) {
            printf("\nWhy: %s is not installed\n", name);
            return;
        }
    }
    printf("\nWhy is %s installed?%s\n", package->name->text,
           name == NULL ? " It is the hardest to explain:" : "");
    if (package->mark != catalog->searches) {
        printf("          it and those that need it recommend each other in a circle\n");
        return;
    }
    for (; package->via != package->number; package = installed->items[package->via]) {
        from = installed->items[package->via];
        printf("          %s %s %s\n", from->name->text,
               package->kind == RECOMMENDS ? "recommends" : "needs", package->name->text);
    }
    printf("          nobody needs %s%s: it was asked for\n", package->name->text,
           package->circle_size > 1 ? " outside its circle" : "");
}

static double now_ms(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* A gc_object_fn: count the objects of each type. */
static int count_object(void *object, void *arg)
{
    const gc_type *const types[] = { &package_type, &dependency_type, &string_type };
    size_t *counts = arg;
    for (size_t i = 0; i < 3; i++) {
        counts[i] += gc_type_of(object) == types[i];
    }
    return 0;
}

static void print_contents(gc_heap *heap, const struct catalog *catalog)
{
    size_t counts[3] = { 0 };
    gc_stats stats;
    gc_each_object(heap, -1, count_object, counts);
    gc_get_stats(heap, &stats);
    printf("%8zu  packages: %" PRIu32 " installed, the others virtual or not there\n", counts[0],
           catalog->installed.count);
    printf("%8zu  dependencies\n", counts[1]);
    printf("%8zu  strings\n", counts[2]);
    printf("%8" PRIu64 "  KiB in all objects, and %" PRIu64 " KiB in their lists\n",
           stats.bytes_live / 1024, stats.bytes_external / 1024);
    printf("%8" PRIu64 "  collections meanwhile\n",
           stats.generations[0].collections + stats.generations[1].collections);
    if (catalog->skipped > 0) {
        printf("%8" PRIu32 "  entries passed over: no name, or no status\n", catalog->skipped);
    }
}

/* Returns false when memory is short. */
static bool print_profile(gc_heap *heap)
{
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    printf("\n");
    bool ok = snapshot != NULL && gc_snapshot_print(snapshot, GC_BY_LINE, 10, stdout) == 0;
    gc_snapshot_free(snapshot);
    return ok;
}

static void print_deaths(const char *what, const gc_stats *before, const gc_stats *after, double ms)
{
    uint64_t died = after->objects_died - before->objects_died;
    uint64_t by_count = after->died_by_count - before->died_by_count;
    printf("    %-20s %8" PRIu64 " %10" PRIu64 " %14" PRIu64 " %8.2f\n", what, died, by_count,
           died - by_count, ms);
}

/* Drop the only reference to the catalog, and with it all. Returns whether nothing is left. */
static bool drop(gc_heap *heap, OURO_STEALS struct catalog *catalog)
{
    gc_stats full, dropped, collected;
    gc_get_stats(heap, &full);
    double start = now_ms();
    gc_decref(catalog);
    double drop_ms = now_ms() - start;
    gc_get_stats(heap, &dropped);
    start = now_ms();
    gc_collect(heap);
    double collect_ms = now_ms() - start;
    gc_get_stats(heap, &collected);

    printf("\nDropping it all: the catalog goes, and the collector comes\n");
    printf("%24s %8s %10s %14s %8s\n", "", "died", "by count", "by collector", "ms");
    print_deaths("gc_decref(catalog)", &full, &dropped, drop_ms);
    print_deaths("gc_collect(heap)", &dropped, &collected, collect_ms);
    printf("    left: %" PRIu64
           " objects. Packages and dependencies hold each other in circles; the\n"
           "    strings refer to nothing, so they die by count when their packages do.\n",
           collected.objects_live);
    return collected.objects_live == 0 && collected.bytes_external == 0;
}

/* (5) The program
 * =============== */

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/var/lib/dpkg/status";
    struct text file;
    char *bytes = dpkg_read(path, &file.length);
    if (bytes == NULL) {
        fprintf(stderr, "packages: cannot read %s: %s\n", path, strerror(errno));
        return 1;
    }
    file.at = bytes;

    int result = 1;
    double start = now_ms();
    gc_heap *heap = gc_heap_new(NULL);
    bool profiled = heap != NULL && gc_profile_start(heap, 1) == GC_OK;
    struct catalog *catalog = profiled ? gc_new_var(heap, &catalog_type, 4096) : NULL;
    bool ok = catalog != NULL && read_packages(catalog, file);
    double ready = now_ms();
    if (ok && catalog->installed.count == 0) {
        fprintf(stderr, "packages: no installed package in %s\n", path);
        goto done;
    }
    if (!ok || !find_circles(catalog)) {
        fprintf(stderr, "packages: out of memory\n");
        goto done;
    }
    printf("The packages of %s, read in %.1f ms\n", path, ready - start);
    print_contents(heap, catalog);
    print_circles(catalog);
    print_most_needed(catalog);
    print_why(catalog, argc > 2 ? argv[2] : NULL);
    if (!check_circles(catalog)) {
        fprintf(stderr, "packages: these are not the circles\n");
        goto done;
    }
    if (!print_profile(heap)) {
        fprintf(stderr, "packages: out of memory\n");
        goto done;
    }
    gc_profile_stop(heap);
    if (!drop(heap, catalog)) {
        fprintf(stderr, "packages: something is left\n");
        goto done;
    }
    result = 0;
done:
    gc_heap_free(heap); /* after a failure, with whatever is in it */
    free(bytes);
    return result;
}
