/* SPDX-License-Identifier: MIT */

/* How garbage ends.
 *
 * The order, which is that of Python (PEP 442), with the reason of each step:
 *
 *   1. Weak references with callbacks are cleared, and the callbacks run. First, because they may
 *      look at their targets, which are whole still. Those that are garbage themselves do not call.
 *   2. Finalizers run: all of them before any object is cleared, so that each finds whole what it
 *      refers to.
 *   3. The set is searched again. What callbacks and finalizers have made reachable is rescued, with
 *      all that it reaches.
 *   4. All other weak references are cleared. From here on nobody gets a reference to the garbage.
 *      Callbacks wait until step 6 is over, but for watchers: the garbage may own the weak reference
 *      and be the argument of its callback, which would take a reference to what is about to die.
 *   5. Each object is cleared. Reference cycles break, and the objects die by their counts.
 *   6. What still lives is uncollectable, and old again.
 *
 * With GC_DEBUG_SAVE_ALL steps 4 to 6 are replaced by one: each object gets a reference, and is SAVED.
 * Trivial garbage has two steps only, see sweep.h.
 *
 * User code runs throughout. It may end, change or make any object, so nothing is known of an object
 * across a call but its page, which stays, and its slot. The state there tells whether it is still
 * DOOMED. */

#include "ending.h"

enum {
    DOOMED = 1u << GCI_DOOMED,
    CALLS = 4,     /* objects between two looks at the clock, where user code runs for each */
    OBJECTS = 256, /* and where it does not */
};

/* Pages with doomed objects stay what they are until the ending is over. */
static void hold_pages(const struct gci_set *set, bool held)
{
    for (struct gci_page *page = set->pages; page != NULL; page = page->next_in_set) {
        page->in_ending = held;
    }
}

/* Begin a step. From the search on that has rescued nothing more callbacks have to wait, also those
 * that the program causes before the next slice. */
static void enter(gc_heap *heap, enum gci_ending_step step)
{
    heap->ending.step = step;
    heap->ending.at = gci_set_begin(&heap->ending.set);
    heap->past_rescue = step > GCI_END_RESCUE;
}

void gci_ending_begin(gc_heap *heap, const struct gci_set *found, gc_collection *report)
{
    struct gci_ending *ending = &heap->ending;
    *ending = (struct gci_ending){ .set = *found, .report = report, .freed = found->garbage_count };
    hold_pages(&ending->set, true);
    bool may_be_rescued = found->weak || found->finalizers || found->look;
    enter(heap, found->plain     ? GCI_END_DROP
                : may_be_rescued ? GCI_END_WEAK_CALLBACKS
                                 : GCI_END_WEAK_ALL);
}

/* Call `act` for an object, holding it by a reference. */
static void hold_for(const struct gci_page *page, gc_object *self,
                     void (*act)(const struct gci_page *, gc_object *))
{
    gc_incref(self);
    act(page, self); /* user code may run here */
    gc_decref(self); /* user code may run here */
}

static void tell(const struct gci_page *page, gc_object *self, const char *what)
{
    gci_message(page->heap, "ouro: %s %s", what,
                gci_page_describe(gci_page_of(self), self).text); /* user code may run here */
}

static void tell_collectable(const struct gci_page *page, gc_object *self)
{
    tell(page, self, "collectable");
}

/* Clear weak references to the doomed. Those with a callback are queued. */
static void clear_weak(gc_heap *heap, enum gci_weak_which which)
{
    const struct gci_set *set = &heap->ending.set;
    struct gci_cursor at = gci_set_begin(set);
    for (gc_object *self; (self = gci_set_next(set, &at, DOOMED)) != NULL;) {
        if (self->refs & OURO_REFS_WEAK) {
            gci_weak_end(self, which, &heap->due);
        }
    }
}

/* The step after the last in which user code could rescue something. */
static enum gci_ending_step first_past_rescue(const gc_heap *heap)
{
    const struct gci_set *set = &heap->ending.set;
    if (set->look && (heap->debug & GC_DEBUG_SAVE_ALL)) {
        return GCI_END_SAVE;
    }
    return set->plain ? GCI_END_DROP : GCI_END_WEAK_ALL;
}

/* Step 1. When it is over the callbacks are queued, and the caller calls them. */
static void queue_callbacks(gc_heap *heap)
{
    struct gci_ending *ending = &heap->ending;
    if (ending->set.look && (heap->debug & GC_DEBUG_COLLECTABLE)) {
        struct gci_cursor at = gci_set_begin(&ending->set);
        for (gc_object *self; (self = gci_set_next(&ending->set, &at, DOOMED)) != NULL;) {
            hold_for(at.page, self, tell_collectable); /* user code may run here */
        }
        ending->user_code_ran = true;
    }
    if (ending->set.weak) {
        clear_weak(heap, GCI_WEAK_CALLBACKS);
    }
    ending->user_code_ran |= gci_weak_is_due(heap);
    enter(heap, GCI_END_FINALIZE);
}

/* Step 2. */
static void finalize(gc_heap *heap, uint64_t deadline)
{
    struct gci_ending *ending = &heap->ending;
    unsigned calls = 0;
    while (ending->set.finalizers) {
        gc_object *self = gci_set_next(&ending->set, &ending->at, DOOMED);
        const struct gci_page *page = ending->at.page;
        if (self == NULL) {
            ending->user_code_ran = true;
            break;
        }
        if ((page->duties & GCI_DUTY_FINALIZE) && !(self->refs & OURO_REFS_FINALIZED)) {
            hold_for(page, self, gci_death_finalize); /* user code may run here */
            if (++calls % CALLS == 0 && gci_sys_clock_ns() >= deadline) {
                return;
            }
        }
    }
    enter(heap, ending->user_code_ran ? GCI_END_RESCUE : first_past_rescue(heap));
}

/* Step 3. When it is over the set has nothing but garbage: no user code ran since the search. If user
 * code has made weak references with callbacks, they are called, and it is searched once more. */
static void rescue(gc_heap *heap)
{
    struct gci_ending *ending = &heap->ending;
    hold_pages(&ending->set, false);
    struct gci_set left = gci_set_of_doomed(heap, &ending->set);
    gci_trace_find_garbage(heap, &left);
    hold_pages(&left, true);
    ending->set = left;
    ending->resurrected += left.alive_count;
    if (left.weak && !ending->is_second_rescue) {
        ending->is_second_rescue = true;
        clear_weak(heap, GCI_WEAK_CALLBACKS);
        if (gci_weak_is_due(heap)) {
            enter(heap, GCI_END_RESCUE);
            return;
        }
    }
    enter(heap, first_past_rescue(heap));
}

/* Step 4. When it is over nothing but garbage, and what dies with it, refers to garbage. */
static void clear_all_weak(gc_heap *heap)
{
    if (heap->ending.set.weak) {
        clear_weak(heap, GCI_WEAK_ALL);
    }
    enter(heap, GCI_END_CLEAR);
}

static void clear(const struct gci_page *page, gc_object *self)
{
    if (!gci_death_clear(page, self)) { /* user code may run here */
        gc_incref(self);                /* for the backlog, which empties it */
    }
}

/* Step 5. When it is over, and the backlog is empty, what is still DOOMED is uncollectable. */
static void clear_objects(gc_heap *heap, uint64_t deadline)
{
    struct gci_ending *ending = &heap->ending;
    unsigned calls = 0;
    for (gc_object *self; (self = gci_set_next(&ending->set, &ending->at, DOOMED)) != NULL;) {
        hold_for(ending->at.page, self, clear); /* user code may run here */
        bool is_long = heap->slicing && heap->emptying != NULL;
        if (is_long || (++calls % CALLS == 0 && gci_sys_clock_ns() >= deadline)) {
            return;
        }
    }
    enter(heap, GCI_END_RELEASE);
}

/* The outcome is known: it goes to the statistics, and the callbacks that had to wait are due. */
static void end(gc_heap *heap)
{
    struct gci_ending *ending = &heap->ending;
    gc_collection *report = ending->report;
    gc_generation_stats *stats = &heap->generations[report->generation];
    size_t freed = ending->freed - ending->resurrected - ending->uncollectable - ending->saved;
    report->collected += freed;
    report->uncollectable += ending->uncollectable;
    report->resurrected += ending->resurrected;
    report->saved += ending->saved;
    stats->collected += freed;
    stats->uncollectable += ending->uncollectable;
    stats->resurrected += ending->resurrected;
    hold_pages(&ending->set, false);
    enter(heap, GCI_END_NONE);
    gci_weak_move_due(&heap->held_back, &heap->due);
}

/* Step 6. */
static void release(gc_heap *heap, uint64_t deadline)
{
    struct gci_ending *ending = &heap->ending;
    unsigned count = 0;
    for (gc_object *self; (self = gci_set_next(&ending->set, &ending->at, DOOMED)) != NULL;) {
        const struct gci_page *page = ending->at.page;
        if (self->refs & OURO_REFS_WEAK) { /* made since step 4 */
            gci_weak_end(self, GCI_WEAK_ALL, &heap->due);
        }
        self->gc = gci_object_old(self);
        ending->uncollectable++;
        gci_weak_forget(page, self);
        if (heap->debug & GC_DEBUG_UNCOLLECTABLE) {
            tell(page, self, "uncollectable"); /* user code may run here */
        }
        if (++count % OBJECTS == 0 && gci_sys_clock_ns() >= deadline) {
            return;
        }
    }
    end(heap);
}

/* Steps 4 to 6 with GC_DEBUG_SAVE_ALL. */
static void save(gc_heap *heap)
{
    struct gci_ending *ending = &heap->ending;
    if (ending->set.weak) {
        clear_weak(heap, GCI_WEAK_ALL);
    }
    for (gc_object *self; (self = gci_set_next(&ending->set, &ending->at, DOOMED)) != NULL;) {
        gc_incref(self);
        self->gc = GCI_SAVED;
        ending->saved++;
        gci_weak_forget(ending->at.page, self);
    }
    end(heap);
}

/* One page after the other, from where the step stands. Returns whether it is over. */
static bool each_page(struct gci_ending *ending, uint64_t deadline,
                      void (*act)(const struct gci_set *, struct gci_page *))
{
    while (ending->at.page != NULL) {
        struct gci_page *page = ending->at.page;
        ending->at.page = page->next_in_set;
        act(&ending->set, page);
        if (deadline != UINT64_MAX && gci_sys_clock_ns() >= deadline) {
            break;
        }
    }
    return ending->at.page == NULL;
}

/* Trivial garbage, first step. Callbacks wait until the second is over, as in step 4. */
static void drop(gc_heap *heap, uint64_t deadline)
{
    struct gci_ending *ending = &heap->ending;
    bool draining = heap->draining;
    heap->draining = true; /* what dies by it waits, outside slices, too */
    bool is_over = ending->set.closed || each_page(ending, deadline, gci_sweep_drop);
    heap->draining = draining;
    if (is_over) {
        enter(heap, GCI_END_FREE);
    }
}

/* And second step: no slot may be used again before all references were dropped, for garbage refers
 * to garbage. */
static void free_slots(gc_heap *heap, uint64_t deadline)
{
    if (each_page(&heap->ending, deadline, gci_sweep_free)) {
        end(heap);
    }
}

static void run_step(gc_heap *heap, uint64_t deadline)
{
    switch (heap->ending.step) {
    case GCI_END_NONE:
        break;
    case GCI_END_WEAK_CALLBACKS:
        queue_callbacks(heap); /* user code may run here */
        break;
    case GCI_END_FINALIZE:
        finalize(heap, deadline); /* user code may run here */
        break;
    case GCI_END_RESCUE:
        rescue(heap);
        break;
    case GCI_END_WEAK_ALL:
        clear_all_weak(heap);
        break;
    case GCI_END_CLEAR:
        clear_objects(heap, deadline); /* user code may run here */
        break;
    case GCI_END_RELEASE:
        release(heap, deadline); /* user code may run here */
        break;
    case GCI_END_SAVE:
        save(heap);
        break;
    case GCI_END_DROP:
        drop(heap, deadline);
        break;
    case GCI_END_FREE:
        free_slots(heap, deadline);
        break;
    }
}

void gci_ending_run(gc_heap *heap, uint64_t deadline)
{
    bool waits;
    do {
        run_step(heap, deadline); /* user code may run here */
        bool is_behind = heap->slicing && gci_death_is_behind(heap) && !gci_ending_is_trivial(heap);
        waits = is_behind || gci_weak_is_due(heap);
    } while (gci_is_ending(heap) && !waits &&
             (deadline == UINT64_MAX || gci_sys_clock_ns() < deadline));
    gci_ending_pause(heap);
}

void gci_ending_finish(gc_heap *heap)
{
    bool draining = heap->draining;
    heap->draining = false; /* who is cleared inside a death dies at once, too, before step 6 */
    while (gci_is_ending(heap)) {
        gci_ending_run(heap, UINT64_MAX); /* user code may run here */
        (void)gci_weak_call(&heap->due);  /* user code may run here */
    }
    heap->draining = draining;
}
