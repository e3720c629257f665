/* SPDX-License-Identifier: MIT */

/* Hooks of the program at the start and the stop of collections.
 *
 * They are a list that the program owns the links of, so adding one needs no memory. Hooks may
 * change the list while it is walked: what is to be called next stands in the heap, where removing
 * it moves it on. Collections do not nest, so there is never more than one walk. A program without
 * hooks and flags has none of this code. */

#include "base.h"

static gc_hook **link_to(gc_heap *heap, const gc_hook *hook)
{
    gc_hook **link = &heap->first_hook;
    while (*link != hook && *link != NULL) {
        link = &(*link)->next;
    }
    return link;
}

static gc_hook *take_next(gc_heap *heap)
{
    gc_hook *hook = heap->next_hook;
    heap->next_hook = hook == NULL ? NULL : hook->next;
    return hook;
}

static bool call_start(gc_heap *heap, const gc_collection *collection)
{
    heap->next_hook = heap->first_hook;
    for (gc_hook *hook; (hook = take_next(heap)) != NULL;) {
        struct gci_callback outer = gci_callback_begin(heap, "the start of a hook", NULL);
        bool starts = hook->start == NULL || hook->start(heap, collection, hook->arg);
        gci_callback_end(heap, outer);
        if (!starts) {
            heap->next_hook = NULL;
            return false;
        }
    }
    return true;
}

static void tell_stats(gc_heap *heap, const gc_collection *collection)
{
    static const char *const reasons[] = { "called",   "objects",         "bytes", "growth",
                                           "shortage", "end of the heap", "stress" };
    gci_message(heap,
                "ouro: collected generation %d (%s): %llu examined, %llu freed, %llu "
                "uncollectable, %llu resurrected, %llu saved, %.3f ms",
                collection->generation, reasons[collection->reason],
                (unsigned long long)collection->examined, (unsigned long long)collection->collected,
                (unsigned long long)collection->uncollectable,
                (unsigned long long)collection->resurrected, (unsigned long long)collection->saved,
                (double)collection->duration_ns / 1e6);
}

static void call_stop(gc_heap *heap, const gc_collection *collection)
{
    if (heap->debug & GC_DEBUG_STATS) {
        tell_stats(heap, collection); /* user code may run here */
    }
    heap->next_hook = heap->first_hook;
    for (gc_hook *hook; (hook = take_next(heap)) != NULL;) {
        if (hook->stop != NULL) {
            struct gci_callback outer = gci_callback_begin(heap, "the stop of a hook", NULL);
            hook->stop(heap, collection, hook->arg); /* user code may run here */
            gci_callback_end(heap, outer);
        }
    }
}

/* From the first hook or flag on collect.c calls. */
static void begin_to_hear(gc_heap *heap)
{
    heap->hooks.starts = call_start;
    heap->hooks.stops = call_stop;
}

void gc_hook_add(gc_heap *heap, gc_hook *hook)
{
    if (*link_to(heap, hook) != NULL) {
        gci_panic(heap, "ouro: gc_hook_add: the hook at %p is there already", (void *)hook);
        return;
    }
    hook->next = heap->first_hook;
    heap->first_hook = hook;
    begin_to_hear(heap);
}

void gc_hook_remove(gc_heap *heap, gc_hook *hook)
{
    gc_hook **link = link_to(heap, hook);
    if (*link == NULL) {
        gci_panic(heap, "ouro: gc_hook_remove: the hook at %p is not there", (void *)hook);
        return;
    }
    if (heap->next_hook == hook) {
        heap->next_hook = hook->next;
    }
    *link = hook->next;
    hook->next = NULL;
}

unsigned gc_set_debug(gc_heap *heap, unsigned flags)
{
    unsigned before = heap->debug;
    heap->debug = flags;
    begin_to_hear(heap);
    return before;
}

unsigned gc_get_debug(const gc_heap *heap)
{
    return heap->debug;
}
