/* SPDX-License-Identifier: MIT */

/* A heap from new to free. */

#include "collect.h"
#include "sys.h"
#include "table.h"

enum { PURGE_NS = 1000000000 };

gc_heap *gc_heap_new(const gc_config *config)
{
    gc_heap seed = { .old = GCI_OLD_A, .few_live_on = true };
    if (config != NULL) {
        seed.config = *config;
    }
    seed.config.stress = seed.config.stress == 0 ? OURO_STRESS : seed.config.stress;
    seed.config.purge_ns = seed.config.purge_ns == 0 ? PURGE_NS : seed.config.purge_ns;
    if ((seed.config.page_source.map == NULL) != (seed.config.page_source.unmap == NULL)) {
        return NULL;
    }
    if (seed.config.hash_key[0] == 0 && seed.config.hash_key[1] == 0) {
        gci_sys_random(seed.config.hash_key, sizeof(seed.config.hash_key));
    }
    gc_heap *heap = gci_memory_take(&seed, sizeof(seed), GCI_ALIGN_MAX);
    if (heap == NULL) {
        return NULL;
    }
    *heap = seed;
    heap->enabled = !heap->config.disabled;
    gci_pages_forget_current(heap);
    gci_weak_due_init(&heap->due);
    gci_weak_due_init(&heap->held_back);
    gci_collect_install(heap);
    gc_set_thresholds(heap, &seed.config.thresholds); /* also turns zeros into defaults */
    return heap;
}

void *gc_heap_user_data(const gc_heap *heap)
{
    return heap->config.user_data;
}

gc_status gc_last_error(const gc_heap *heap)
{
    return heap->last_error;
}

void gc_set_error(gc_heap *heap, gc_status status)
{
    heap->last_error = status;
}

const char *gc_status_text(gc_status status)
{
    static const char *const texts[] = {
        [-GC_OK] = "no error",
        [-GC_ERR_NOMEM] = "out of memory",
        [-GC_ERR_LIMIT] = "the heap's byte limit is reached",
        [-GC_ERR_SIZE] = "the size overflows",
        [-GC_ERR_BUSY] = "objects of the type are alive",
        [-GC_ERR_CLOSING] = "the heap is being freed",
        [-GC_ERR_RANGE] = "a number is out of its range",
        [-GC_ERR_TYPE] = "the type is malformed or of another kind",
        [-GC_ERR_RUNNING] = "the generator is busy",
        [-GC_ERR_SHARED] = "others hold the object as well",
    };
    bool known = status <= 0 && status > -(int)(sizeof(texts) / sizeof(texts[0]));
    return known ? texts[-status] : "unknown status";
}

size_t gc_heap_trim(gc_heap *heap)
{
    size_t before = heap->bytes_reserved;
    (void)gci_has_been_left(heap, OURO_FRAME);
    if (heap->busy == 0) {
        gci_collect_settle(heap); /* user code may run here */
    }
    gci_pages_drop_idle(heap);
    if (heap->weak_table.count == 0) {
        gci_weak_free(heap);
    }
    if (heap->profile != NULL) {
        heap->hooks.trim_profile(heap);
    }
    (void)gci_pages_trim(heap, 0);
    size_t returned = before - heap->bytes_reserved;
    return returned + gci_pages_purge(heap, true, UINT64_MAX);
}

gc_status gc_type_forget(gc_heap *heap, const gc_type *type)
{
    if (heap->pinned > 0 || heap->draining) {
        return gci_fail(heap, GC_ERR_BUSY);
    }
    gci_collect_settle(heap); /* user code may run here */
    return gci_object_forget_type(heap, type) ? GC_OK : gci_fail(heap, GC_ERR_BUSY);
}

/* The end. */

/* Call `act` for each living object, leaves too, but not for those that are born meanwhile. Pages are
 * pinned. */
static void for_each_alive(gc_heap *heap, void (*act)(const struct gci_page *, gc_object *))
{
    struct gci_walk at;
    gci_pages_begin_walk(heap, &at);
    for (gc_object *self; (self = gci_walk_next(heap, &at, GCI_ALIVE)) != NULL;) {
        gc_incref(self);
        act(gci_page_of(self), self); /* user code may run here */
        gc_decref(self);              /* user code may run here */
    }
    gci_pages_end_walk(heap, &at);
}

static void set_closing(gc_heap *heap, bool closing)
{
    heap->closing = closing;
    gci_collect_arm(heap);
}

static void clear(const struct gci_page *page, gc_object *self)
{
    (void)gci_death_clear(page, self); /* user code may run here */
}

static void destroy(const struct gci_page *page, gc_object *self)
{
    self->gc = GCI_DYING;
    gci_death_destroy(page, self); /* user code may run here */
}

/* One line for each type with objects left but immortal ones. The classes of a type have a record each,
 * so its first one sums up. */
static void report_leaks(gc_heap *heap)
{
    struct gci_walk at = { 0 };
    for (const gc_object *self; (self = gci_walk_next(heap, &at, GCI_TAKEN)) != NULL;) {
        gci_page_of(self)->record->live += !gc_is_immortal(self);
    }
    for (struct gci_records *block = heap->records; block != NULL; block = block->next) {
        for (size_t i = 0; i < block->used; i++) {
            const gc_type *type = block->records[i].type;
            size_t live = 0;
            for (unsigned size_class = 0; type != NULL && size_class <= GCI_CLASS_LARGE;
                 size_class++) {
                struct gci_record *record = gci_object_record(heap, type, size_class);
                if (record != NULL) {
                    live += record->live;
                    record->live = 0;
                }
            }
            if (live > 0) {
                gci_message(heap, "ouro: gc_heap_free: %zu of type %s left", live, type->name);
            }
        }
    }
}

void gc_heap_free(gc_heap *heap)
{
    if (heap == NULL) {
        return;
    }
    if (gci_is_under_way(heap) && !gci_has_been_left(heap, OURO_FRAME)) {
        gci_panic(heap, "ouro: gc_heap_free inside a callback of the same heap");
        return;
    }
    (void)gci_death_catch_up(heap, UINT64_MAX); /* user code may run here */
    gci_collect_hold_unsettled(heap);           /* what slices have found has finalizers, too */
    gci_weak_call_watchers(heap);               /* user code may run here, and register others, */
    set_closing(heap, true);
    gci_weak_call_watchers(heap); /* which come to an end, since they cannot do so again */
    set_closing(heap, false);
    gci_collect_release(heap);
    (void)gci_collect(heap, 1, GC_REASON_HEAP_FREE); /* user code may run here */
    if (heap->config.report_leaks) {
        report_leaks(heap);
    }
    gci_collect_hold(heap);
    for_each_alive(heap, gci_death_finalize); /* user code may run here, and give birth */
    set_closing(heap, true);
    gci_weak_call_watchers(heap);             /* those that were registered meanwhile, */
    for_each_alive(heap, gci_death_finalize); /* and finalizers of what was born */
    gci_weak_end_all(heap);                   /* before anything is half-cleared */
    for_each_alive(heap, clear);              /* user code may run here */
    /* What references from outside keep alive: from here on nothing dies by count any more. */
    struct gci_walk at = { 0 };
    for (gc_object *self; (self = gci_walk_next(heap, &at, GCI_ALIVE)) != NULL;) {
        gc_make_immortal(self);
    }
    for_each_alive(heap, destroy); /* user code may run here */
    if (heap->profile != NULL) {
        heap->hooks.stop_profile(heap);
    }
    gci_segments_free_all(heap);
    gci_weak_free(heap);
    gci_table_free(heap, &heap->segment_table);
    gci_object_free_records(heap);
    gc_heap copy = *heap; /* the page source outlives its heap */
    gci_memory_give(&copy, heap, sizeof(*heap));
}
