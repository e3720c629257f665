/* SPDX-License-Identifier: MIT */

/* The end of garbage, in this order:
 *
 *   weak references with callbacks die, but those that are garbage themselves, and call back;
 *   finalize each object that has not been, all of them before anything else is done to any;
 *   search again, in the garbage only: what these have brought back to the world leaves it;
 *   once more, if weak references that they have made call back;
 *   all other weak references to it die, watchers are called: nothing leads to it any more, and
 *   other callbacks wait until the rest is done;
 *   clear each object: the circles break, and the objects die by their counts;
 *   what still lives was in circles that nobody could clear: it is uncollectable, and old again.
 *
 * With GC_DEBUG_SAVE_ALL it ends before the clearing: each object gets a reference, and is SAVED.
 * No set has saved objects, so to what they refer they are the world.
 *
 * User code runs throughout. It may end, change or make any object, so nothing is known of an
 * object across a call but its page, which is pinned, and the place of its slot; the state there
 * tells whether it is still one of the doomed. */

#include "doom.h"

enum { DOOMED = 1u << GCI_DOOMED };

static inline void hold_for(const struct gci_page *page, gc_object *self,
                            void (*act)(const struct gci_page *, gc_object *))
{
    gc_incref(self);
    act(page, self); /* user code may run here */
    gc_decref(self); /* user code may run here */
}

void gci_doom_each(const struct gci_page *page, uint32_t members, size_t offset, size_t end,
                   void (*act)(const struct gci_page *, gc_object *))
{
    for (; offset < end; offset += page->slot_size) {
        gc_object *self = gci_page_at(page, offset);
        if (gci_is_member(members, self->gc)) {
            hold_for(page, self, act); /* user code may run here */
        }
    }
}

/* The same for each doomed object of a set. */
static void for_each_doomed(const struct gci_set *set,
                            void (*act)(const struct gci_page *, gc_object *))
{
    for (const struct gci_page *page = set->pages; page != NULL; page = page->next_in_set) {
        for (struct gci_run run = gci_set_run(set, page, 0); run.from < run.end;
             run = gci_set_run(set, page, run.end)) {
            gci_doom_each(page, DOOMED, run.from, run.end, act); /* user code may run here */
        }
    }
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

/* End weak references to those of a set that have one of some states; those that call back join the ring. */
static void end_weak_to(const struct gci_set *set, uint32_t states, enum gci_weak_which which,
                        gc_weak *due)
{
    struct gci_cursor at = gci_set_begin(set);
    for (gc_object *self; (self = gci_set_next(set, &at, states)) != NULL;) {
        if (self->refs & OURO_REFS_WEAK) {
            gci_weak_end(self, which, due);
        }
    }
}

/* The same to the doomed, and call those that are due. Returns how many were. */
static size_t end_weak(const struct gci_set *set, enum gci_weak_which which)
{
    gc_weak due;
    gci_weak_due_init(&due);
    end_weak_to(set, DOOMED, which, &due);
    return gci_weak_call(&due); /* user code may run here */
}

static void release(const struct gci_page *page, gc_object *self)
{
    gc_heap *heap = page->heap;
    self->gc = gci_object_old(self);
    gci_weak_forget(page, self);
    if (heap->debug & GC_DEBUG_UNCOLLECTABLE) {
        tell(page, self, "uncollectable"); /* user code may run here */
    }
}

/* Those that are doomed still are old again. Returns their number. */
static size_t release_rest(const struct gci_set *set)
{
    size_t count = 0;
    struct gci_cursor at = gci_set_begin(set);
    for (gc_object *self; (self = gci_set_next(set, &at, DOOMED)) != NULL; count++) {
        release(at.page, self); /* user code may run here */
    }
    return count;
}

void gci_doom_plain(gc_heap *heap, const struct gci_set *set)
{
    bool draining = heap->draining;
    heap->draining = true; /* what dies with it waits */
    for (struct gci_page *page = set->pages; page != NULL && !set->closed;
         page = page->next_in_set) {
        for (struct gci_run run = gci_set_run(set, page, 0); run.from < run.end;
             run = gci_set_run(set, page, run.end)) {
            gci_death_drop_garbage(page, set->members, run.from, run.end);
        }
    }
    for (struct gci_page *page = set->pages; page != NULL; page = page->next_in_set) {
        size_t count = (size_t)page->members - page->marked;
        if (!set->sparse) {
            gci_death_free_garbage(page, set->members, count);
            continue;
        }
        for (struct gci_run run = gci_set_run(set, page, 0); run.from < run.end;
             run = gci_set_run(set, page, run.end)) {
            gci_death_free_range(page, set->members, run.from, run.end);
        }
    }
    heap->draining = draining;
}

void gci_doom_clear(const struct gci_page *page, gc_object *self)
{
    const gc_heap *heap = page->heap;
    if (heap->slicing && heap->emptying != NULL && (page->duties & GCI_DUTY_LONG)) {
        return; /* one at a time: it is in the next part again */
    }
    if (!gci_death_clear(page, self)) { /* user code may run here */
        gc_incref(self);
    }
}

/* From here on the doomed are past rescue, and callbacks wait in the ring `held_back`. */
static void begin_clearing(gc_heap *heap, gc_weak *held_back)
{
    gci_weak_due_init(held_back);
    heap->held_back = held_back;
}

/* Break the circles, so that the garbage dies by its counts. Returns how many objects did not. */
static size_t clear_all(gc_heap *heap, const struct gci_set *set)
{
    gc_weak held_back;
    begin_clearing(heap, &held_back);
    if (set->weak) {
        (void)end_weak(set, GCI_WEAK_ALL); /* user code may run here */
    }
    for_each_doomed(set, gci_doom_clear); /* user code may run here */
    if (heap->weak_table.count > 0) {
        (void)end_weak(set, GCI_WEAK_ALL); /* user code may run here; of those made since */
    }
    heap->held_back = NULL;
    size_t rest = release_rest(set);
    (void)gci_weak_call(&held_back); /* user code may run here */
    return rest;
}

/* End all weak references to the garbage, and keep it. Returns how many objects that are. */
static size_t save(gc_heap *heap, const struct gci_set *set)
{
    size_t count = 0;
    gc_weak held_back;
    begin_clearing(heap, &held_back);
    if (set->weak) {
        (void)end_weak(set, GCI_WEAK_ALL); /* user code may run here */
    }
    heap->held_back = NULL;
    struct gci_cursor at = gci_set_begin(set);
    for (gc_object *self; (self = gci_set_next(set, &at, DOOMED)) != NULL; count++) {
        gc_incref(self);
        self->gc = GCI_SAVED;
        gci_weak_forget(at.page, self);
    }
    (void)gci_weak_call(&held_back); /* user code may run here */
    return count;
}

/* What of the doomed is still garbage, now that user code has run. Counts what is not. */
static struct gci_set search_again(gc_heap *heap, const struct gci_set *set,
                                   struct gci_doom_result *result)
{
    struct gci_set doomed = gci_set_of_doomed(heap, set);
    gci_trace_find_garbage(heap, &doomed);
    result->resurrected += doomed.alive_count;
    return doomed;
}

struct gci_doom_result gci_doom(gc_heap *heap, struct gci_set *found)
{
    struct gci_doom_result result = { .freed = found->garbage_count };
    struct gci_set doomed = *found;
    bool called = found->look && (heap->debug & GC_DEBUG_COLLECTABLE);
    if (called) {
        for_each_doomed(found, tell_collectable); /* user code may run here */
    }
    if (found->weak && end_weak(found, GCI_WEAK_CALLBACKS) > 0) { /* user code may run here */
        called = true;
    }
    if (found->finalizers) {
        for_each_doomed(found, gci_death_finalize); /* user code may run here */
        called = true;
    }
    if (called) {
        doomed = search_again(heap, found, &result);
        /* Those that user code has made since call back while their owners can still be rescued. */
        if (doomed.weak && end_weak(&doomed, GCI_WEAK_CALLBACKS) > 0) { /* user code may run here */
            doomed = search_again(heap, &doomed, &result);
        }
    }
    if (doomed.look && (heap->debug & GC_DEBUG_SAVE_ALL)) {
        result.saved = save(heap, &doomed); /* user code may run here */
    } else if (doomed.plain) {
        gci_doom_plain(heap, &doomed);
    } else {
        result.uncollectable = clear_all(heap, &doomed); /* user code may run here */
    }
    result.freed -= result.resurrected + result.uncollectable + result.saved;
    return result;
}

/* In slices. */

static void end_weak_of(const struct gci_page *page, gc_object *self, enum gci_weak_which which)
{
    if (self->refs & OURO_REFS_WEAK) {
        gci_weak_end(self, which, &page->heap->due);
    }
}

void gci_doom_end_callbacks(const struct gci_page *page, gc_object *self)
{
    end_weak_of(page, self, GCI_WEAK_CALLBACKS);
}

void gci_doom_end_weak(gc_heap *heap, const struct gci_set *set)
{
    heap->held_back = &heap->waiting;
    if (set->weak) {
        end_weak_to(set, set->members, GCI_WEAK_ALL, &heap->due);
    }
    heap->held_back = NULL;
}

void gci_doom_count(gc_heap *heap, size_t collected, size_t uncounted, size_t uncollectable)
{
    uint64_t change = (uint64_t)collected - uncounted;
    heap->cycle.report.collected += change;
    heap->cycle.report.uncollectable += uncollectable;
    heap->generations[1].collected += change;
    heap->generations[1].uncollectable += uncollectable;
}

void gci_doom_release(const struct gci_page *page, gc_object *self)
{
    struct gci_cycle *cycle = &page->heap->cycle;
    bool is_counted = cycle->clears_part; /* as collected */
    cycle->garbage -= !is_counted;
    gci_doom_count(page->heap, 0, is_counted, 1);
    end_weak_of(page, self, GCI_WEAK_ALL); /* those made since */
    release(page, self);                   /* user code may run here */
}

/* Parts. */

/* What is doomed still stays garbage between slices, and is in the next part again; unless user code has looked
 * at the heap, which ends the cycle. Returns how much that is. */
static size_t put_back(gc_heap *heap, const struct gci_set *set, uint32_t mark)
{
    struct gci_cycle *cycle = &heap->cycle;
    size_t count = 0;
    bool goes_on = cycle->phase == GCI_PHASE_PARTS;
    struct gci_cursor at = gci_set_begin(set);
    for (gc_object *self; (self = gci_set_next(set, &at, DOOMED)) != NULL; count++) {
        self->gc = goes_on ? gci_other_old(heap) | mark : gci_object_old(self);
    }
    if (goes_on && count > 0) {
        cycle->marked = count;
        cycle->page = cycle->part_page;
        cycle->offset = cycle->part_offset;
    }
    return count;
}

/* Run finalizers until time is up; but all if one has ended the cycle, by a look at the heap: the next one is to
 * come further. */
static void finalize_some(const struct gci_cycle *cycle, const struct gci_set *set,
                          uint64_t deadline)
{
    /* Between two looks at the clock; and at least, so that nobody is examined for more steps than that. */
    enum { CALLS = 4, STEPS = 256 };
    struct gci_cursor at = gci_set_begin(set);
    size_t calls = 0, least = set->garbage_count / STEPS;
    for (gc_object *self; (self = gci_set_next(set, &at, DOOMED)) != NULL;) {
        if (!(at.page->duties & GCI_DUTY_FINALIZE) || (self->refs & OURO_REFS_FINALIZED)) {
            continue;
        }
        hold_for(at.page, self, gci_death_finalize); /* user code may run here */
        if (++calls % CALLS == 0 && calls >= least && cycle->phase == GCI_PHASE_PARTS &&
            gci_sys_clock_ns() >= deadline) {
            return;
        }
    }
}

/* Break the circles. What dies by that joins the backlog; what that may yet drop is examined again after it. */
static void clear_part(gc_heap *heap, const struct gci_set *set)
{
    struct gci_cycle *cycle = &heap->cycle;
    size_t uncollectable = 0, cleared = cycle->cleared;
    heap->held_back = &heap->waiting;
    cycle->clears_part = true;
    if (set->weak) {
        end_weak_to(set, DOOMED, GCI_WEAK_ALL, &heap->due);
    }
    for_each_doomed(set, gci_doom_clear); /* user code may run here */
    if (heap->weak_table.count > 0) {
        end_weak_to(set, DOOMED, GCI_WEAK_ALL, &heap->due); /* of those made since */
    }
    heap->held_back = NULL;
    if (heap->emptying == NULL && (heap->backlog == NULL || cleared > 0)) {
        uncollectable = release_rest(set); /* user code may run here */
    } else if (cycle->phase == GCI_PHASE_PARTS) {
        (void)put_back(heap, set, GCI_CLEARED);
    } /* else somebody has looked, and it goes on being cleared */
    cycle->clears_part = cycle->phase == GCI_PHASE_CLEAR || cycle->marked > 0;
    gci_doom_count(heap, set->garbage_count, cleared + uncollectable, uncollectable);
}

void gci_doom_part(gc_heap *heap, const struct gci_set *set, uint64_t deadline)
{
    if (set->weak && !heap->cycle.again) {
        end_weak_to(set, DOOMED, GCI_WEAK_CALLBACKS, &heap->due);
    }
    if (heap->due.next != &heap->due) {
        (void)put_back(heap, set, GCI_PROVEN);
    } else if (set->finalizers) {
        finalize_some(&heap->cycle, set, deadline); /* user code may run here */
        size_t left = put_back(heap, set, GCI_PROVEN);
        gci_doom_count(heap, set->garbage_count - left, 0, 0); /* finalizers have ended those */
    } else {
        clear_part(heap, set); /* user code may run here */
    }
}
