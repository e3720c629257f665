/* SPDX-License-Identifier: MIT */
/* Call frames by file and line. This file is compiled with debug information in every build; whether
 * anybody can read it depends on OURO_LINES, and on libdw. Where nobody can, frames are told apart by
 * their addresses.
 */

#include "../support.h"

#include <dlfcn.h>

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE
#endif

/* A heap whose profiler takes frames; NULL where the stack cannot be walked. */
static gc_heap *profiled(struct world *world)
{
    gc_heap *heap = world_new_heap(world, NULL);
    return gc_profile_start(heap, 64) == GC_OK ? heap : NULL;
}

static bool lines_are_known(void)
{
    void *library = dlopen("libdw.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (library != NULL) {
        (void)dlclose(library);
    }
    return OURO_LINES && library != NULL;
}

/* What a snapshot has on lines of this file. */
struct findings {
    unsigned line;  /* look at this one alone */
    size_t groups;  /* of the line */
    uint64_t count; /* in the latest of them */
    int64_t change; /* the same */
    size_t unlined; /* groups without a line */
};

static int look(const gc_statistic *statistic, void *arg)
{
    struct findings *findings = arg;
    if (statistic->file == NULL) {
        findings->unlined++;
        assert_int_equal(statistic->line, 0);
        assert_true(strlen(statistic->name) > 0);
        return 0;
    }
    char name[400];
    (void)snprintf(name, sizeof(name), "%s:%u", statistic->file, statistic->line);
    assert_string_equal(statistic->name, name);
    if (statistic->line == findings->line && strcmp(statistic->file, __FILE__) == 0) {
        findings->groups++;
        findings->count = statistic->count;
        findings->change = statistic->count_diff;
    }
    return 0;
}

static struct findings cumulative(gc_heap *heap, unsigned line)
{
    struct findings findings = { .line = line };
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    assert_non_null(snapshot);
    assert_int_equal(gc_snapshot_statistics(snapshot, GC_BY_CUMULATIVE, look, &findings), 0);
    gc_snapshot_free(snapshot);
    return findings;
}

/* A line is one group, which has so many objects; or, where lines are not known, none. */
static void assert_line(gc_heap *heap, unsigned line, uint64_t count)
{
    struct findings findings = cumulative(heap, line);
    assert_int_equal(findings.groups, lines_are_known());
    assert_int_equal(findings.count, lines_are_known() ? count : 0);
}

static char *print(gc_heap *heap, gc_group group)
{
    char *text = NULL;
    size_t size;
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    FILE *file = open_memstream(&text, &size);
    assert_non_null(snapshot);
    assert_non_null(file);
    assert_int_equal(gc_snapshot_print(snapshot, group, 100, file), 0);
    assert_int_equal(fclose(file), 0);
    gc_snapshot_free(snapshot);
    return text;
}

/* Written after a call, so that it is not the function's last act, which might leave no frame. */
static volatile int after_call;

static unsigned line_of_way, line_of_recursion;

static NOINLINE struct node *make(gc_heap *heap)
{
    struct node *node = gc_new_at(heap, &node_type, "make.c:1");
    after_call = 1;
    return node;
}

static NOINLINE struct node *make_one_way(gc_heap *heap)
{
    line_of_way = __LINE__ + 1;
    struct node *node = make(heap);
    after_call = 2;
    return node;
}

static NOINLINE struct node *make_deep(gc_heap *heap, int depth)
{
    line_of_recursion = __LINE__ + 1;
    struct node *node = depth == 0 ? gc_new(heap, &node_type) : make_deep(heap, depth - 1);
    after_call = 3;
    return node;
}

static void frames_are_printed_with_file_line_and_function(void **state)
{
    gc_heap *heap = profiled(*state);
    if (heap == NULL) {
        return;
    }
    struct node *node = make_one_way(heap);
    char expected[400], *text = print(heap, GC_BY_TRACEBACK);
    (void)snprintf(expected, sizeof(expected), "        called from %s:%u (make_one_way)\n",
                   __FILE__, line_of_way);
    assert_int_equal(strstr(text, expected) != NULL, lines_are_known());
    (void)snprintf(expected, sizeof(expected), "        in %s:", __FILE__);
    assert_int_equal(strstr(text, expected) != NULL, lines_are_known());
    assert_non_null(strstr(text, "        in "));
    assert_non_null(strstr(text, "        called from "));
    free(text);
    gc_decref(node);
}

static void calls_on_one_line_are_one_group(void **state)
{
    gc_heap *heap = profiled(*state);
    if (heap == NULL) {
        return;
    }
    unsigned line = __LINE__ + 1;
    struct node *a = make_one_way(heap), *b = make_one_way(heap);
    assert_line(heap, line, 2);
    assert_line(heap, line_of_way, 2);
    assert_true(cumulative(heap, 0).unlined > 0 || lines_are_known());
    gc_decref(a);
    gc_decref(b);
}

static NOINLINE void track(gc_heap *heap, const void *pointer)
{
    gc_profile_track_at(heap, pointer, 10, 1, "track.c:1");
    after_call = 4;
}

/* What a call without a result returns to is of the line after it. */
static NOINLINE unsigned track_and_go_on(gc_heap *heap, const void *pointer)
{
    unsigned line = __LINE__ + 1;
    track(heap, pointer);
    after_call = 5;
    return line;
}

static void line_of_a_frame_is_that_of_the_call(void **state)
{
    gc_heap *heap = profiled(*state);
    if (heap == NULL) {
        return;
    }
    unsigned line = track_and_go_on(heap, &heap);
    assert_line(heap, line, 1);
    assert_int_equal(cumulative(heap, line + 1).groups, 0);
}

static void line_that_occurs_twice_in_a_traceback_counts_once(void **state)
{
    gc_heap *heap = profiled(*state);
    if (heap == NULL) {
        return;
    }
    /* The line of the recursion is that of the gc_new too. */
    struct node *a = make_deep(heap, 5), *b = make_deep(heap, 6);
    struct findings findings = cumulative(heap, line_of_recursion);
    assert_int_equal(findings.groups, 1);
    assert_int_equal(findings.count, 2);
    gc_decref(a);
    gc_decref(b);
}

/* Makes objects for others, so its line says nothing. */
static NOINLINE struct node *make_at(gc_heap *heap, const char *where)
{
    struct node *node = gc_new_at(heap, &node_type, where);
    after_call = 6;
    return node;
}
#define make_here(heap) make_at((heap), OURO_HERE)

static void line_that_is_passed_on_and_its_frame_are_one_group(void **state)
{
    gc_heap *heap = profiled(*state);
    if (heap == NULL) {
        return;
    }
    unsigned line = __LINE__ + 1;
    struct node *node = make_here(heap);
    struct findings findings = cumulative(heap, line);
    assert_int_equal(findings.groups, 1);
    assert_int_equal(findings.count, 1);
    gc_decref(node);
}

static void comparison_tells_what_each_line_has_more(void **state)
{
    gc_heap *heap = profiled(*state);
    if (heap == NULL) {
        return;
    }
    struct node *nodes[3];
    gc_snapshot *snapshots[2];
    nodes[0] = make_one_way(heap);
    snapshots[0] = gc_snapshot_take(heap);
    nodes[1] = make_one_way(heap);
    nodes[2] = make_one_way(heap);
    snapshots[1] = gc_snapshot_take(heap);
    struct findings findings = { .line = line_of_way };
    assert_int_equal(
        gc_snapshot_compare(snapshots[1], snapshots[0], GC_BY_CUMULATIVE, look, &findings), 0);
    assert_int_equal(findings.count, lines_are_known() ? 3 : 0);
    assert_int_equal(findings.change, lines_are_known() ? 2 : 0);
    for (size_t i = 0; i < 3; i++) {
        gc_decref(nodes[i]);
    }
    gc_snapshot_free(snapshots[0]);
    gc_snapshot_free(snapshots[1]);
}

static void source_of_frames_is_shown(void **state)
{
    gc_heap *heap = profiled(*state);
    FILE *source = fopen(__FILE__, "r");
    if (heap == NULL || source == NULL) {
        return; /* somebody runs this from another folder */
    }
    assert_int_equal(fclose(source), 0);
    struct node *node = make_one_way(heap);
    char expected[400], *text = print(heap, GC_BY_CUMULATIVE);
    (void)snprintf(expected, sizeof(expected),
                   ": %s:%u: 24 B (1 object, average 24 B)\n    struct node *node = make(heap);\n",
                   __FILE__, line_of_way);
    assert_int_equal(strstr(text, expected) != NULL, lines_are_known());
    free(text);
    gc_decref(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(frames_are_printed_with_file_line_and_function),
        world_test(calls_on_one_line_are_one_group),
        world_test(line_of_a_frame_is_that_of_the_call),
        world_test(line_that_occurs_twice_in_a_traceback_counts_once),
        world_test(line_that_is_passed_on_and_its_frame_are_one_group),
        world_test(comparison_tells_what_each_line_has_more),
        world_test(source_of_frames_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
