/* SPDX-License-Identifier: MIT */
/* The profiler from inside: out of memory in snapshots, and what its numbers look like.
 *
 * The linker puts __wrap_malloc in place of malloc, and so on, in the library and here, but not in
 * what it calls.
 */

#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): for fopencookie */

#include "support.h"

#include "lines.h"
#include "profile.h"

/* Which malloc fails, counted from 0; SIZE_MAX: none. */
static size_t malloc_calls, malloc_fail_at = SIZE_MAX;

/* What dlopen finds; NULL: it fails. */
static const char *library_name = "libdw.so.1";

/* The files that are terminals, and how the time passes: by so much whenever somebody looks. All as it
 * is while the step is 0. */
static FILE *terminals[2];
static uint64_t clock_step_ns, clock_ns;

/* A file of source that counts how it is read. */
static struct {
    const char *text;
    size_t size, at; /* of the text; where reading goes on */
    size_t opens, bytes_read;
} counted;

static ssize_t read_counted(void *cookie, char *buffer, size_t size)
{
    (void)cookie;
    size_t rest = counted.size - counted.at;
    size = size < rest ? size : rest;
    memcpy(buffer, counted.text + counted.at, size);
    counted.at += size;
    counted.bytes_read += size;
    return (ssize_t)size;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
FILE *__real_gci_sys_open_file(const char *name);
FILE *__wrap_gci_sys_open_file(const char *name);
FILE *__wrap_gci_sys_open_file(const char *name)
{
    if (strcmp(name, "counted.c") != 0) {
        return __real_gci_sys_open_file(name);
    }
    counted.at = 0;
    counted.opens++;
    return fopencookie(NULL, "r", (cookie_io_functions_t){ .read = read_counted });
}
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return malloc_calls++ == malloc_fail_at ? NULL : __real_malloc(size);
}
void *__real_dlopen(const char *name, int flags);
void *__wrap_dlopen(const char *name, int flags);
void *__wrap_dlopen(const char *name, int flags)
{
    assert_string_equal(name, "libdw.so.1");
    return library_name == NULL ? NULL : __real_dlopen(library_name, flags);
}
bool __real_gci_sys_is_terminal(FILE *file);
bool __wrap_gci_sys_is_terminal(FILE *file);
bool __wrap_gci_sys_is_terminal(FILE *file)
{
    return clock_step_ns == 0 ? __real_gci_sys_is_terminal(file)
                              : file == terminals[0] || file == terminals[1];
}
uint64_t __real_gci_sys_clock_ns(void);
uint64_t __wrap_gci_sys_clock_ns(void);
uint64_t __wrap_gci_sys_clock_ns(void)
{
    return clock_step_ns == 0 ? __real_gci_sys_clock_ns() : (clock_ns += clock_step_ns);
}
/* NOLINTEND(bugprone-reserved-identifier) */

static int ignore(const gc_statistic *statistic, void *arg)
{
    (void)statistic;
    ++*(size_t *)arg;
    return 0;
}

struct scene {
    gc_snapshot *newer, *older;
    FILE *file;
};

/* Each does one thing, and returns whether it had the memory. */
static bool try_take(struct scene *scene, gc_heap *heap)
{
    (void)scene;
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    gc_snapshot_free(snapshot);
    return snapshot != NULL;
}

static bool try_filter(struct scene *scene, gc_heap *heap)
{
    (void)heap;
    gc_profile_filter filter = { .line = 1 };
    gc_snapshot *snapshot = gc_snapshot_filter(scene->newer, &filter, 1);
    gc_snapshot_free(snapshot);
    return snapshot != NULL;
}

static bool is_done(int status, size_t visited)
{
    if (status != 0) {
        assert_int_equal(status, GC_ERR_NOMEM);
        assert_int_equal(visited, 0);
    }
    return status == 0;
}

static bool try_statistics(struct scene *scene, gc_heap *heap)
{
    (void)heap;
    size_t visited = 0;
    return is_done(gc_snapshot_statistics(scene->newer, GC_BY_CUMULATIVE, ignore, &visited),
                   visited);
}

static bool try_compare(struct scene *scene, gc_heap *heap)
{
    (void)heap;
    size_t visited = 0;
    return is_done(gc_snapshot_compare(scene->newer, scene->older, GC_BY_FILE, ignore, &visited),
                   visited);
}

static bool try_print(struct scene *scene, gc_heap *heap)
{
    (void)heap;
    long before = ftell(scene->file);
    int status = gc_snapshot_print(scene->newer, GC_BY_TYPE, 10, scene->file);
    return is_done(status, (size_t)(ftell(scene->file) - before));
}

static bool try_print_traceback(struct scene *scene, gc_heap *heap)
{
    (void)heap;
    long before = ftell(scene->file);
    int status = gc_snapshot_print(scene->newer, GC_BY_TRACEBACK, 10, scene->file);
    return is_done(status, (size_t)(ftell(scene->file) - before));
}

static bool try_print_compare(struct scene *scene, gc_heap *heap)
{
    (void)heap;
    long before = ftell(scene->file);
    int status = gc_snapshot_print_compare(scene->newer, scene->older, GC_BY_LINE, 10, scene->file);
    return is_done(status, (size_t)(ftell(scene->file) - before));
}

static void snapshots_without_memory_say_so_and_do_nothing(void **state)
{
    static bool (*const tries[])(struct scene *, gc_heap *) = {
        try_take,  try_filter,          try_statistics,    try_compare,
        try_print, try_print_traceback, try_print_compare,
    };
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_profile_start(heap, gci_sys_has_frames() ? 8 : 1), GC_OK);
    gc_profile_track_at(heap, &state, 10, 1, "a.c:1");
    struct scene scene = { .older = gc_snapshot_take(heap), .file = tmpfile() };
    struct node *node = node_new(heap);
    scene.newer = gc_snapshot_take(heap);
    assert_non_null(scene.older);
    assert_non_null(scene.newer);
    assert_non_null(scene.file);
    /* So that the file has its buffer. */
    assert_true(fputs("first\n", scene.file) >= 0);
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        size_t failures = 0;
        for (malloc_calls = malloc_fail_at = 0; !tries[i](&scene, heap); malloc_calls = 0) {
            failures++;
            malloc_fail_at = failures;
        }
        malloc_fail_at = SIZE_MAX;
        assert_true(failures > 0);
    }
    assert_int_equal(fclose(scene.file), 0);
    gc_snapshot_free(scene.newer);
    gc_snapshot_free(scene.older);
    gc_decref(node);
}

/* Print a report of three lines, and compare what goes to stderr meanwhile. */
static void assert_progress(const gc_snapshot *snapshot, FILE *file, const char *expected)
{
    char text[400] = "";
    FILE *err = tmpfile();
    assert_non_null(err);
    assert_int_equal(fflush(stderr), 0);
    int saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(fileno(err), STDERR_FILENO), STDERR_FILENO);
    int status = gc_snapshot_print(snapshot, GC_BY_LINE, 10, file);
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(saved), 0);
    rewind(err);
    text[fread(text, 1, sizeof(text) - 1, err)] = '\0';
    assert_int_equal(fclose(err), 0);
    assert_int_equal(status, 0);
    assert_string_equal(text, expected);
}

static void long_reports_show_progress_on_a_terminal(void **state)
{
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    static const char *const wheres[] = { "a.c:1", "b.c:1", "c.c:1" };
    for (uintptr_t i = 0; i < 3; i++) {
        gc_profile_track_at(heap, (const void *)(i + 1), 10, 1, wheres[i]);
    }
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    FILE *file = tmpfile();
    assert_non_null(snapshot);
    assert_non_null(file);
    char expected[200];
    (void)snprintf(expected, sizeof(expected),
                   "\rouro: 2 of 3 groups reported\rouro: 3 of 3 groups reported\r%*s\r", 70, "");
    clock_step_ns = 600000000;
    terminals[0] = stderr;
    assert_progress(snapshot, file, expected);
    terminals[1] = file; /* it shows the report itself */
    assert_progress(snapshot, file, "");
    terminals[0] = terminals[1] = NULL;
    assert_progress(snapshot, file, "");
    terminals[0] = stderr;
    clock_step_ns = 200000000; /* not long enough */
    assert_progress(snapshot, file, "");
    clock_step_ns = 0;
    assert_int_equal(fclose(file), 0);
    gc_snapshot_free(snapshot);
}

static void file_of_source_is_read_once_for_a_report(void **state)
{
    enum { LINES = 8000, LINE_SIZE = 10 }; /* "line 1234\n" */
    static char source[LINES * LINE_SIZE + 1], wheres[LINES][20];
    gc_heap *heap = world_new_heap(*state, NULL);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    for (unsigned i = 0; i < LINES; i++) {
        (void)snprintf(source + (size_t)i * LINE_SIZE, LINE_SIZE + 1, "line %04u\n", i + 1);
        (void)snprintf(wheres[i], sizeof(wheres[i]), "counted.c:%u", i + 1);
        /* The order of the sizes is not that of the lines. */
        gc_profile_track_at(heap, wheres[i], i * 7919 % LINES + 1, 1, wheres[i]);
    }
    gc_profile_track_at(heap, source, LINES + 1, 1, "counted.c:8001"); /* behind its end */
    counted.text = source;
    counted.size = LINES * LINE_SIZE;
    counted.opens = counted.bytes_read = 0;
    gc_snapshot *snapshot = gc_snapshot_take(heap);
    FILE *file = tmpfile();
    assert_non_null(snapshot);
    assert_non_null(file);
    assert_int_equal(gc_snapshot_print(snapshot, GC_BY_LINE, SIZE_MAX, file), 0);
    assert_int_equal(counted.opens, 1);
    assert_int_equal(counted.bytes_read, counted.size);
    char text[200];
    unsigned line = 0, shown = 0, number;
    rewind(file);
    while (fgets(text, sizeof(text), file) != NULL) {
        if (sscanf(text, "    line %u", &number) == 1) {
            assert_int_equal(number, line); /* that of the group above it */
            shown++;
        }
        (void)sscanf(text, "#%*u: counted.c:%u:", &line);
    }
    assert_int_equal(shown, LINES);
    assert_int_equal(fclose(file), 0);
    gc_snapshot_free(snapshot);
}

static struct node *node_at(gc_heap *heap, const char *where)
{
    struct node *node = gc_new_at(heap, &node_type, where);
    assert_non_null(node);
    return node;
}

static void birth_without_memory_for_its_line_takes_no_old_number(void **state)
{
    struct world *world = *state;
    static char wheres[2000][32];
    gc_heap *heap = world_new_heap(world, NULL);
    assert_int_equal(gc_profile_start(heap, 1), GC_OK);
    struct node *kept = node_new(heap);
    size_t count = 0;
    for (; heap->profile->site_end + heap->profile->site_size <= heap->profile->site_room;
         count++) {
        assert_true(count + 1 < 2000);
        (void)snprintf(wheres[count], sizeof(wheres[count]), "file.c:%zu", count + 1);
        gc_decref(node_at(heap, wheres[count]));
    }
    world->pages.fail_at = world->pages.maps;
    world->pages.fail_on = true;
    struct node *node = node_at(heap, "one too many.c:1");
    world->pages.fail_at = SIZE_MAX;
    world->pages.fail_on = false;
    assert_int_equal(heap->profile->dropped, 1);
    const uint32_t *place = gci_page_site(gci_page_of(node), node);
    assert_true(place != NULL && *place == 0);
    assert_int_equal(node->object.refs & OURO_REFS_SITE, 0);
    struct node *next = node_at(heap, wheres[0]);
    assert_string_equal(gc_profile_site(next), wheres[0]);
    gc_decref(next);
    gc_decref(node);
    gc_decref(kept);
}

static void frames_have_names_wherever_they_are(void **state)
{
    char name[64], small[8];
    (void)state;
    gci_sys_frame_name((void *)(uintptr_t)16, name, sizeof(name));
    assert_string_equal(name, "0x10");
    if (gci_sys_has_frames()) {
        void *frames[4];
        assert_true(gci_sys_frames(frames, 4) > 0);
        gci_sys_frame_name(frames[0], name, sizeof(name));
        assert_non_null(strchr(name, '+'));
        gci_sys_frame_name(frames[0], small, sizeof(small));
        assert_memory_equal(small, name, sizeof(small) - 1);
        assert_int_equal(small[7], '\0');
    }
}

/* A libdw that is not there, or not the library that it should be, is none. */
static void lines_are_not_known_without_libdw(void **state)
{
    static const char *const libraries[] = { NULL, "libm.so.6" };
    void *frames[4];
    (void)state;
    if (!gci_sys_has_frames()) {
        return;
    }
    assert_true(gci_sys_frames(frames, 4) > 0);
    for (size_t i = 0; i < 2; i++) {
        struct gci_lines *lines;
        char name[100], expected[100];
        const char *file;
        unsigned line;
        library_name = libraries[i];
        assert_true(gci_lines_open(&lines));
        library_name = "libdw.so.1";
        assert_null(lines);
        assert_false(gci_lines_find(lines, frames[0], &file, &line));
        gci_lines_name(lines, frames[0], name, sizeof(name));
        gci_sys_frame_name(frames[0], expected, sizeof(expected));
        assert_string_equal(name, expected);
        gci_lines_close(lines);
    }
}

static void addresses_outside_of_the_program_have_no_line(void **state)
{
    (void)state;
    struct gci_lines *lines;
    const char *file;
    unsigned line;
    char name[64];
    assert_true(gci_lines_open(&lines));
    for (uintptr_t address = 0; address <= 16; address += 16) {
        assert_false(gci_lines_find(lines, (void *)address, &file, &line));
    }
    gci_lines_name(lines, (void *)(uintptr_t)16, name, sizeof(name));
    assert_string_equal(name, "0x10");
    gci_lines_close(lines);
}

static void only_terminals_are_terminals(void **state)
{
    (void)state;
    FILE *file = fopen("/dev/null", "w");
    assert_non_null(file);
    assert_false(gci_sys_is_terminal(file));
    assert_int_equal(fclose(file), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(snapshots_without_memory_say_so_and_do_nothing),
        world_test(long_reports_show_progress_on_a_terminal),
        world_test(file_of_source_is_read_once_for_a_report),
        world_test(birth_without_memory_for_its_line_takes_no_old_number),
        world_test(frames_have_names_wherever_they_are),
        world_test(lines_are_not_known_without_libdw),
        world_test(addresses_outside_of_the_program_have_no_line),
        world_test(only_terminals_are_terminals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
