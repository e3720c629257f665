/* SPDX-License-Identifier: MIT */
/* The story of Python's memory management, told by ouro.
 *
 *     tour [file]
 *
 * Run it and read what it prints, then read this file beside it: one function a chapter. Every
 * figure comes from the library and every step is checked: when the library does not do what the
 * story says, the program says so and fails. The file is a package database of Debian's, by default
 * /var/lib/dpkg/status; the last chapters make objects of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <ouro.h>

#include "dpkg.h"

/* An object of the story. */
struct node {
    gc_object object;
    const char *name;   /* not an object: neither counted nor declared */
    struct node *other; /* a counted reference, declared in node_type */
};

/* Called before the object dies, while all it refers to is still there: Python's __del__. */
static void node_finalize(gc_object *self)
{
    struct node *node = (void *)self;
    printf("        finalize: \"%s\" is about to die\n", node->name);
}

/* Called as it dies, its references already dropped: the place to free what is not an object. */
static void node_destroy(gc_object *self)
{
    struct node *node = (void *)self;
    printf("        destroy:  \"%s\" is gone\n", node->name);
}

static const gc_type node_type = {
    .name = "node",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, other),
    .finalize = node_finalize,
    .destroy = node_destroy,
};

/* The same without a voice, for the chapter that makes thousands. */
static const gc_type quiet_type = {
    .name = "quiet node",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, other),
};

/* The story goes on only while it is true. */
static void expect(bool truth, const char *claim)
{
    if (!truth) {
        fflush(stdout);
        fprintf(stderr, "tour: the story says: %s. It is not so\n", claim);
        exit(1);
    }
}

/* Make an object with one reference, the caller's. */
static struct node *node_new(gc_heap *heap, const gc_type *type, const char *name)
{
    struct node *node = gc_new(heap, type);
    if (node == NULL) {
        fprintf(stderr, "tour: %s\n", gc_status_text(gc_last_error(heap)));
        exit(1);
    }
    node->name = name;
    return node;
}

static gc_stats stats_of(gc_heap *heap)
{
    gc_stats stats;
    gc_get_stats(heap, &stats);
    return stats;
}

static struct node *chapter_counts(gc_heap *heap)
{
    printf("\n1. An object counts its references\n\n");
    struct node *a = node_new(heap, &node_type, "a");
    size_t at_first = gc_refcount(a);
    printf("    a = new node            count of a: %zu\n", at_first);
    struct node *b = gc_newref(a);
    size_t with_b = gc_refcount(a);
    printf("    b = a                   count of a: %zu\n", with_b);
    gc_clear(&b);
    size_t without_b = gc_refcount(a);
    printf("    b is dropped            count of a: %zu\n\n", without_b);
    expect(at_first == 1 && with_b == 2 && without_b == 1, "the counts are 1, 2 and 1");

    printf("    Python's sys.getrefcount(a) prints one more each time, %zu, %zu and %zu, because\n"
           "    its own argument is a reference too.\n",
           at_first + 1, with_b + 1, without_b + 1);
    return a;
}

static void chapter_death(gc_heap *heap, OURO_STEALS struct node *a)
{
    printf("\n2. At zero it dies, at once\n\n");
    gc_stats before = stats_of(heap);
    printf("    objects alive           %" PRIu64 "\n", before.objects_live);
    printf("    a is dropped, the last reference to it:\n");
    gc_clear(&a);
    gc_stats after = stats_of(heap);
    printf("    objects alive           %" PRIu64 "\n\n", after.objects_live);
    expect(after.died_by_count == before.died_by_count + 1, "\"a\" dies by its count");
    expect(after.objects_live == before.objects_live - 1, "\"a\" is gone");

    printf("    No collector was needed: the last one to drop an object pays for its death, and\n"
           "    knows when it happens. Most objects die like this, in Python too.\n");
}

static void chapter_circle(gc_heap *heap)
{
    printf("\n3. A circle keeps itself alive\n\n");
    struct node *x = node_new(heap, &node_type, "x");
    struct node *y = node_new(heap, &node_type, "y");
    gc_set(&x->other, y);
    gc_set(&y->other, x);
    printf("    x.other = y, y.other = x     count of x: %zu   count of y: %zu\n", gc_refcount(x),
           gc_refcount(y));
    expect(gc_refcount(x) == 2 && gc_refcount(y) == 2, "both have two references");

    gc_decref(x);
    gc_decref(y);
    /* Nothing of ours keeps x and y alive any more. Looking at them is right only because something
     * that we know of does. */
    gc_stats stats = stats_of(heap);
    printf("    x and y are dropped          count of x: %zu   count of y: %zu\n", gc_refcount(x),
           gc_refcount(y));
    printf("    objects alive                %" PRIu64 ", in %" PRIu64 " bytes\n\n",
           stats.objects_live, stats.bytes_live);
    expect(gc_refcount(x) == 1 && gc_refcount(y) == 1, "each is held by the other");
    expect(stats.objects_live == 2, "both are still alive");

    printf("    The program cannot reach them any more, but each counts the reference from the\n"
           "    other. Counts alone would keep them for ever.\n");
}

/* A gc_object_fn: called once for each object found, with the caller's argument. */
static int print_unreachable(void *object, void *count)
{
    const struct node *node = object;
    printf("    unreachable: %s \"%s\"      count %zu, refers to \"%s\"\n",
           gc_type_of(object)->name, node->name, gc_refcount(object), node->other->name);
    ++*(size_t *)count;
    return 0;
}

static void chapter_unreachable(gc_heap *heap)
{
    printf("\n4. The collector can tell what nobody reaches\n\n");
    size_t found = 0;
    gc_unreachable(heap, print_unreachable, &found);
    uint64_t alive = stats_of(heap).objects_live;
    printf("    objects alive                %" PRIu64 "\n\n", alive);
    expect(found == 2, "two objects are unreachable");
    expect(alive == 2, "looking frees nothing");

    printf(
        "    It takes the references that objects hold to each other away from their counts. An\n"
        "    object with something left is held from outside, and so is all it leads to. The\n"
        "    rest is garbage. gc_unreachable only looks: nothing was freed.\n");
}

static void print_change(const char *what, uint64_t before, uint64_t after)
{
    printf("    %-26s %8" PRIu64 " %8" PRIu64 "\n", what, before, after);
}

static void chapter_by_hand(gc_heap *heap)
{
    printf("\n5. The circle is collected, by hand (Python: gc.collect())\n\n");
    gc_stats before = stats_of(heap);
    printf("    gc_collect:\n");
    size_t freed = gc_collect(heap);
    gc_stats after = stats_of(heap);
    printf("    it returns %zu\n\n", freed);
    printf("    %-26s %8s %8s\n", "", "before", "after");
    print_change("full collections", before.generations[1].collections,
                 after.generations[1].collections);
    print_change("freed by them", before.generations[1].collected, after.generations[1].collected);
    print_change("objects died by count", before.died_by_count, after.died_by_count);
    print_change("objects alive", before.objects_live, after.objects_live);
    print_change("bytes in them", before.bytes_live, after.bytes_live);
    printf("\n");
    expect(freed == 2, "the collector frees two objects");
    expect(after.generations[1].collected == before.generations[1].collected + freed,
           "and its statistics say so");
    expect(after.objects_live == 0 && after.bytes_live == 0, "nothing is left");

    printf("    All of a circle is finalized before any of it goes: no finalizer ever meets an\n"
           "    object that is half gone.\n");
}

static void chapter_automatic(gc_heap *heap)
{
    printf("\n6. The collector comes by itself\n\n");
    gc_thresholds thresholds;
    gc_get_thresholds(heap, &thresholds);
    printf("    %-28s %10s %10s\n", "the collector is due", "by default", "from now");
    gc_thresholds now = thresholds;
    now.young_objects = 1000;
    now.old_bytes = 64 * 1024;
    gc_set_thresholds(heap, &now);
    gc_get_thresholds(heap, &now);
    printf("    %-28s %10zu %10zu\n", "  after new objects", thresholds.young_objects,
           now.young_objects);
    printf("    %-28s %10zu %10zu\n\n", "  for all, after KiB more", thresholds.old_bytes / 1024,
           now.old_bytes / 1024);

    enum { CIRCLES = 10000 };
    gc_stats before = stats_of(heap);
    uint64_t alive_most = 0;
    for (int i = 0; i < CIRCLES; i++) {
        struct node *x = node_new(heap, &quiet_type, "x");
        struct node *y = node_new(heap, &quiet_type, "y");
        gc_set_steal(&y->other, gc_newref(x));
        gc_set_steal(&x->other, y); /* our reference to y becomes x's */
        gc_decref(x);
        uint64_t alive = stats_of(heap).objects_live;
        alive_most = alive > alive_most ? alive : alive_most;
    }
    gc_stats after = stats_of(heap);
    uint64_t born = after.objects_born - before.objects_born;
    uint64_t runs = after.generations[0].collections - before.generations[0].collections +
                    after.generations[1].collections - before.generations[1].collections;
    printf("    circles made and dropped     %d, that is %" PRIu64 " objects\n", CIRCLES, born);
    printf("    the collector came           %" PRIu64 " times\n", runs);
    printf("    it freed                     %" PRIu64 " objects\n",
           after.objects_died - before.objects_died);
    printf("    longest stop                 %.3f ms\n", (double)after.pause_ns_max / 1e6);
    printf("    most objects alive           %" PRIu64 "\n", alive_most);
    printf("    objects alive now            %" PRIu64 "\n", after.objects_live);
    expect(runs > 0, "the collector comes without being called");
    expect(alive_most < born, "most of the garbage goes while more is made");

    gc_collect(heap);
    after = stats_of(heap);
    printf("    and after gc_collect         %" PRIu64 "\n\n", after.objects_live);
    expect(after.objects_live == 0 && after.objects_died == after.objects_born,
           "all that was born has died");

    printf("    It looks at the young objects most of the time, since most objects die young, and\n"
           "    at all of them when the heap has grown. The heap's own report:\n\n");
    fflush(stdout);
    gc_stats_print(heap, stdout);
}

/* A number as an object, and a generator of them: 1, 2, ... n. */
struct number {
    gc_object object;
    uint64_t value;
};

static const gc_type number_type = { .name = "number", .size = sizeof(struct number) };

struct count_up {
    gc_generator generator;
    uint64_t i, n;
};

OURO_GENERATOR(count_up)
{
    OURO_BEGIN(self);
    for (self->i = 1; self->i <= self->n; self->i++) {
        struct number *number = gc_new(gc_heap_of(self), &number_type);
        if (number != NULL) {
            number->value = self->i;
        }
        OURO_YIELD(self, number);
    }
    OURO_END(self);
}

static gc_generator *count_up_new(gc_heap *heap, uint64_t n)
{
    struct count_up *count_up = gc_new(heap, &count_up_type.type);
    expect(count_up != NULL, "there is memory for a generator");
    count_up->n = n;
    return &count_up->generator;
}

static uint64_t peak_of(gc_heap *heap)
{
    gc_profile_stats stats;
    gc_profile_get_stats(heap, &stats);
    return stats.bytes_peak;
}

static void chapter_generator(gc_heap *heap)
{
    enum { N = 1000000 };
    printf("\n7. A million items, and no room for them\n\n");
    expect(gc_profile_start(heap, 1) == GC_OK, "there is memory for the profiler");
    uint64_t list_sum = 0, generator_sum = 0;
    void *list = gc_generator_to_tuple(count_up_new(heap, N));
    expect(list != NULL, "there is memory for a million numbers");
    for (size_t i = 0; i < gc_tail_length(list); i++) {
        list_sum += ((const struct number *)gc_tuple_items(list)[i])->value;
    }
    gc_decref(list);
    uint64_t list_peak = peak_of(heap);

    gc_profile_reset_peak(heap);
    OURO_FOREACH (struct number, number, count_up_new(heap, N)) {
        generator_sum += number->value;
    }
    uint64_t generator_peak = peak_of(heap);
    gc_profile_stop(heap);
    printf("    %-28s %14s %16s\n", "1 + 2 + ... + 1000000", "the sum", "most bytes");
    printf("    %-28s %14" PRIu64 " %16" PRIu64 "\n", "all made first, then added", list_sum,
           list_peak);
    printf("    %-28s %14" PRIu64 " %16" PRIu64 "\n\n", "made one by one, when asked",
           generator_sum, generator_peak);
    expect(list_sum == generator_sum && list_sum == (uint64_t)N * (N + 1) / 2,
           "the sums are right");
    expect(generator_peak * 10000 < list_peak, "the generator needs next to nothing");

    printf(
        "    A generator makes the next item when somebody asks for it, and each dies before the\n"
        "    next is born. It can because its place in the loop is kept in an object, like all\n"
        "    else that it holds, and not on a stack. The bytes are the profiler's, which is "
        "next.\n");
}

/* A package graph in little; packages.c has a real one. */
struct string {
    gc_object object;
    char text[];
};

struct need {
    gc_object object;
    struct package *package;
    struct need *next;
};

struct package {
    gc_object object;
    struct string *name;
    struct need *needs;
    struct package *next;
};

static const gc_type string_type = { .name = "string",
                                     .size = offsetof(struct string, text),
                                     .item_size = 1 };
static const gc_type need_type = { .name = "need",
                                   .size = sizeof(struct need),
                                   .refs = OURO_REFS(struct need, package, next) };
static const gc_type package_type = {
    .name = "package",
    .size = sizeof(struct package),
    .refs = OURO_REFS(struct package, name, needs, next),
};

/* Lend the package of a name, made if there is none. */
static struct package *package_peek(gc_heap *heap, struct package **all, struct text name)
{
    struct package *package = *all;
    while (package != NULL && (gc_tail_length(package->name) != name.length ||
                               memcmp(package->name->text, name.at, name.length) != 0)) {
        package = package->next;
    }
    if (package == NULL) {
        package = gc_new(heap, &package_type);
        expect(package != NULL, "there is memory for a package");
        package->name = gc_new_var(heap, &string_type, name.length);
        expect(package->name != NULL, "there is memory for its name");
        memcpy(package->name->text, name.at, name.length);
        gc_swap(&package->next, all);
        gc_set_steal(all, package);
    }
    return package;
}

static OURO_NEW struct package *read_packages(gc_heap *heap, struct text file)
{
    struct package *all = NULL;
    struct text fields[FIELDS], name;
    while (dpkg_next_entry(&file, fields)) {
        if (!dpkg_next_name(&fields[PACKAGE], '\n', &name)) {
            continue;
        }
        struct package *package = package_peek(heap, &all, name);
        while (dpkg_next_name(&fields[DEPENDS], ',', &name)) {
            struct need *need = gc_new(heap, &need_type);
            expect(need != NULL, "there is memory for a need");
            gc_set(&need->package, package_peek(heap, &all, name));
            gc_swap(&need->next, &package->needs);
            gc_set_steal(&package->needs, need);
        }
    }
    return all;
}

/* What the last chapters hold. */
struct holdings {
    char *file; /* bytes from malloc, of which the profiler is told */
    struct package *packages;
    void *numbers;
    gc_generator *generator;
    struct node *nodes;
};

/* A gc_filter_fn. */
static bool is_even(void *item, void *arg)
{
    (void)arg;
    return ((const struct number *)item)->value % 2 == 0;
}

static gc_snapshot *snapshot_of(gc_heap *heap)
{
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    expect(snapshot != NULL, "there is memory for a snapshot");
    fflush(stdout);
    return snapshot;
}

static void chapter_profile(gc_heap *heap, const char *path, struct holdings *holdings)
{
    printf("\n8. Which lines hold the memory (Python: tracemalloc)\n\n");
    struct text file;
    expect(gc_profile_start(heap, 1) == GC_OK, "there is memory for the profiler");
    holdings->file = dpkg_read(path, &file.length);
    if (holdings->file == NULL) {
        fflush(stdout);
        fprintf(stderr, "tour: cannot read %s: %s\n", path, strerror(errno));
        exit(1);
    }
    gc_profile_track(heap, holdings->file, file.length, 1);
    file.at = holdings->file;
    holdings->packages = read_packages(heap, file);
    holdings->numbers = gc_generator_to_tuple(count_up_new(heap, 100));
    gc_generator *even = gc_generator_filter(count_up_new(heap, 100), is_even, NULL);
    gc_generator *few = gc_generator_limit(count_up_new(heap, 100), 10);
    holdings->generator = gc_generator_chain(even, few);
    expect(holdings->generator != NULL, "there is memory for a pipeline");
    holdings->nodes = node_new(heap, &quiet_type, "first");
    gc_set_steal(&holdings->nodes->other, node_new(heap, &quiet_type, "second"));

    gc_snapshot *snapshot = snapshot_of(heap);
    expect(gc_snapshot_print(snapshot, GC_BY_LINE, 10, stdout) == 0, "there is memory to print");
    printf("\n");
    expect(gc_snapshot_print(snapshot, GC_BY_TYPE, 3, stdout) == 0, "there is memory to print");
    gc_snapshot_free(snapshot);
    gc_profile_stats profile;
    gc_profile_get_stats(heap, &profile);
    gc_stats stats = stats_of(heap);
    expect(profile.bytes == stats.bytes_live + file.length, "all that lives is on record");

    printf(
        "\n    This is what the tour holds now: packages read from a file, what they need, and a\n"
        "    few things of the chapters before. Every object is on record with the line of its\n"
        "    gc_new; \"domain 1\" is the file's bytes, from malloc, of which the tour told.\n");
}

/* Something that a program does all day, with a mistake in it. */
static void handle_request(gc_heap *heap)
{
    struct node *request = node_new(heap, &quiet_type, "request");
    struct node *answer = gc_new(heap, &quiet_type); /* who drops it? */
    expect(answer != NULL, "there is memory for an answer");
    gc_set(&request->other, answer);
    gc_decref(request);
}

/* A gc_statistic_fn: find what has grown most. */
static int find_growth(const gc_statistic *statistic, void *count)
{
    *(int64_t *)count = statistic->count_diff;
    return statistic->bytes_diff > 0;
}

static void chapter_compare(gc_heap *heap, struct holdings *holdings)
{
    enum { REQUESTS = 1000 };
    printf("\n9. Two snapshots find a leak\n\n");
    gc_snapshot *before = snapshot_of(heap);
    for (int i = 0; i < REQUESTS; i++) {
        handle_request(heap);
    }
    gc_clear(&holdings->numbers);
    gc_profile_untrack(heap, holdings->file);
    free(holdings->file);
    gc_collect(heap);

    gc_snapshot *after = snapshot_of(heap);
    expect(gc_snapshot_print_compare(after, before, GC_BY_LINE, 10, stdout) == 0,
           "there is memory to print");
    int64_t leaked = 0;
    gc_snapshot_compare(after, before, GC_BY_LINE, find_growth, &leaked);
    gc_snapshot_free(after);
    gc_snapshot_free(before);
    expect(leaked == REQUESTS, "each request leaves an object behind");

    printf(
        "\n    The file is read and its bytes are freed, a list is dropped. But %" PRId64
        " answers\n"
        "    are too many, one for each request. Each counts a reference that nobody drops, so no\n"
        "    collector may touch it: it looks held from outside. The line says where to look.\n",
        leaked);
}

/* A gc_weak_fn. */
static void say_goodbye(gc_weak *weak, void *name)
{
    expect(gc_weak_get(weak) == NULL, "what is dead cannot be had any more");
    printf("        watcher:  \"%s\" is dead\n", (const char *)name);
}

static void chapter_weak(gc_heap *heap)
{
    static char name[] = "c";
    printf("\n10. A weak reference counts nothing\n\n");
    struct node *c = node_new(heap, &node_type, name);
    gc_weak *weak = gc_weak_new(c, NULL, NULL);
    gc_weak_map *names = gc_weak_map_new(heap, GC_WEAK_VALUES);
    expect(weak != NULL && names != NULL, "there is memory for a weak reference and a map");
    expect(gc_weak_map_set(names, name, 1, c) == GC_OK, "there is memory for an entry");
    gc_xdecref(gc_watch(c, say_goodbye, name));
    printf("    weak = weak reference to c   count of c: %zu\n", gc_refcount(c));
    expect(gc_refcount(c) == 1, "none of the three is counted");
    struct node *again = gc_weak_get(weak);
    expect(again == c && gc_refcount(c) == 2, "what a weak reference gives is counted");
    gc_decref(again);

    gc_set(&c->other, c);
    gc_decref(c);
    printf("    c refers to itself and is dropped; a collection finds it:\n");
    gc_collect(heap);
    expect(gc_weak_get(weak) == NULL, "the weak reference is dead");
    expect(gc_weak_map_count(names) == 0, "the entry has vanished");
    printf("    the weak reference gives nothing, and the map of names is empty\n\n");
    gc_decref(weak);
    gc_decref(names);

    printf("    That is Python's weakref module: ref, finalize, WeakValueDictionary. A watcher\n"
           "    hears of the end of an object, whichever way it comes, and after its finalizer.\n");
}

int main(int argc, char **argv)
{
    gc_heap *heap = gc_heap_new(NULL);
    expect(heap != NULL, "there is memory for a heap");
    printf("ouro %s: how Python manages memory, shown on a C library that does the same\n",
           OURO_VERSION);
    struct node *a = chapter_counts(heap);
    chapter_death(heap, a);
    chapter_circle(heap);
    chapter_unreachable(heap);
    chapter_by_hand(heap);
    chapter_automatic(heap);
    chapter_generator(heap);
    struct holdings holdings;
    chapter_profile(heap, argc > 1 ? argv[1] : "/var/lib/dpkg/status", &holdings);
    chapter_compare(heap, &holdings);
    chapter_weak(heap);
    gc_heap_free(heap); /* and all that is still in it */
    printf("\nThe end. examples/packages.c does the same with real data.\n");
    return 0;
}
