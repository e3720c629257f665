/* SPDX-License-Identifier: MIT */

/* Death, and the slow halves of counting.
 *
 * An object dies when its count reaches zero: it turns DYING, in no set from then on and out of
 * reach of weak references, before any user code runs; then finalize (which may end it here), weak
 * references dead and their callbacks, its references dropped, destroy, slot free. The first death
 * on a stack empties the queue of the dying, later ones only join it: no recursion. While its
 * callbacks run a dying object holds one reference to itself, so that they may count it as usual.
 *
 * Plain objects without weak references have nothing to run, so they need no queue: they end at
 * once, depth first. */

#include "death.h"

#include <errno.h>

static void set_field_count(gc_object *self, const gc_field *field, uint64_t count)
{
    char *place = (char *)self + field->count_offset;
    uint8_t count8 = (uint8_t)count;
    uint16_t count16 = (uint16_t)count;
    uint32_t count32 = (uint32_t)count;
    switch (field->count_size) {
    case 1:
        memcpy(place, &count8, sizeof(count8));
        return;
    case 2:
        memcpy(place, &count16, sizeof(count16));
        return;
    case 4:
        memcpy(place, &count32, sizeof(count32));
        return;
    default:
        memcpy(place, &count, sizeof(count));
        return;
    }
}

enum {
    LONG_DRAIN = 256, /* objects: one that ends more is a pause */
    ITEMS = 1024,     /* of an array that is emptied, at a time */
};

/* Read the clock, since a drain of the program's own has turned out to be long. Inside a collection
 * it is part of that pause. */
static OURO_NOINLINE void note_long_drain(gc_heap *heap)
{
    if (heap->busy == 0 && heap->drain_start_ns == 0) {
        heap->drain_start_ns = gci_sys_clock_ns();
    }
}

/* Count a drain that was long, when the outermost ends. */
static void record_long_drain(gc_heap *heap)
{
    if (OURO_UNLIKELY(heap->drain_start_ns != 0) && !gci_is_under_way(heap)) {
        uint64_t start = heap->drain_start_ns;
        heap->drain_start_ns = 0;
        gci_pause_record(heap, GC_PHASE_DESTROY, gci_sys_clock_ns() - start);
    }
}

/* Whether what dies joins the backlog. */
static inline bool is_deferring(const gc_heap *heap)
{
    return heap->slicing || (heap->deferring && heap->busy == 0);
}

static OURO_NOINLINE void clear_buffer(gc_object *self, const gc_field *field, size_t *budget)
{
    /* A drop may run anything, which may change items and count: nothing is kept across it. */
    for (; *budget > 0; --*budget) {
        uint64_t count = gci_field_count(self, field);
        if (count == 0) {
            return;
        }
        set_field_count(self, field, count - 1);
        char *items;
        memcpy(&items, (char *)self + field->offset, sizeof(items));
        gc_xdecref(
            ouro_slot_take(items + (count - 1) * sizeof(void *))); /* user code may run here */
    }
}

static OURO_NOINLINE void clear_tail(const struct gci_page *page, gc_object *self,
                                     const gc_field *field, size_t *done, size_t *budget)
{
    char *items = (char *)self + field->offset;
    size_t count = *gci_object_count(page, self);
    while (*done < count && *budget != 0) {
        size_t item = (*done)++;
        --*budget;
        gc_xdecref(ouro_slot_take(items + item * sizeof(void *))); /* user code may run here */
    }
}

/* Drop what refs declares, but no more references of arrays than `budget`; `done` are those of a tail that were
 * dropped before. */
static inline void clear_declared(const struct gci_page *page, gc_object *self, size_t *done,
                                  size_t *budget)
{
    for (const gc_field *field = page->fields, *end = field + page->field_count; field < end;
         field++) {
        if (OURO_LIKELY(field->kind == GC_FIELD_REF)) {
            gc_xdecref(ouro_slot_take((char *)self + field->offset)); /* user code may run here */
        } else if (field->kind == GC_FIELD_TAIL) {
            clear_tail(page, self, field, done, budget);
        } else {
            clear_buffer(self, field, budget);
        }
    }
}

static inline void call_clear(const struct gci_page *page, gc_object *self)
{
    if (page->duties & GCI_DUTY_CLEAR) {
        struct gci_callback outer = gci_callback_begin(page->heap, "clear", page->type);
        page->type->clear(self); /* user code may run here */
        gci_callback_end(page->heap, outer);
    }
}

static inline void clear_all(const struct gci_page *page, gc_object *self)
{
    size_t done = 0, budget = SIZE_MAX;
    clear_declared(page, self, &done, &budget);
}

void gc_drop_references(void *object)
{
    const struct gci_page *page = gci_page_of(object);
    int error = errno;
    call_clear(page, object); /* user code may run here */
    clear_all(page, object);  /* user code may run here */
    errno = error;
}

bool gci_death_clear(const struct gci_page *page, gc_object *self)
{
    gc_heap *heap = page->heap;
    call_clear(page, self); /* user code may run here */
    if ((page->duties & GCI_DUTY_LONG) && OURO_UNLIKELY(gci_object_is_very_long(page, self))) {
        if (is_deferring(heap) && heap->emptying == NULL) {
            heap->emptying = self;
            heap->emptied = 0;
            return false;
        }
        note_long_drain(heap);
    }
    clear_all(page, self); /* user code may run here */
    return true;
}

void gci_death_finalize(const struct gci_page *page, gc_object *self)
{
    if ((page->duties & GCI_DUTY_FINALIZE) && !(self->refs & OURO_REFS_FINALIZED)) {
        self->refs |= OURO_REFS_FINALIZED;
        page->heap->finalized++;
        struct gci_callback outer = gci_callback_begin(page->heap, "finalize", page->type);
        page->type->finalize(self); /* user code may run here */
        gci_callback_end(page->heap, outer);
    }
}

/* Whether a DYING object is in a chain of a cycle (CYCLE-2). */
static inline bool is_chained(const struct gci_page *page, const gc_object *self)
{
    return page->chained && self->gc >= GCI_SCRATCH && gci_state_of(self) == GCI_DYING;
}

/* The end of one in a chain, where its slot has to stay. */
static OURO_NOINLINE void stay_in_chain(struct gci_page *page, gc_object *self)
{
    if (self->refs & OURO_REFS_SITE) {
        gci_page_unrecord(page, self);
    }
    self->refs = GCI_REFS_DEAD;
    self->gc = GCI_GREY | (self->gc & ~(uint32_t)GCI_STATE_MASK);
    page->zombies++;
}

static inline void leave_slot_or_chain(struct gci_page *page, gc_object *self)
{
    if (OURO_UNLIKELY(is_chained(page, self))) {
        stay_in_chain(page, self);
    } else {
        gci_death_leave_slot(page, self);
    }
}

void gci_death_leave_chain(struct gci_page *page, gc_object *self)
{
    page->zombies--;
    gci_death_leave_slot(page, self); /* last: nothing is kept across it */
}

/* A finalizer took a reference: the object is old again. */
static void resurrect(const struct gci_page *page, gc_object *self)
{
    if (is_chained(page, self)) {
        self->gc = GCI_GREY | (self->gc & ~(uint32_t)GCI_STATE_MASK);
    } else {
        self->gc = page->birth == GCI_LEAF ? (uint32_t)GCI_LEAF : gci_object_old(self);
    }
    self->refs &= ~GCI_REFS_HELD;
    gc_decref(self); /* our own reference; not the last */
}

static void end_weak(gc_object *self)
{
    if (self->refs & OURO_REFS_WEAK) {
        gci_weak_die(self); /* user code may run here */
    }
}

static OURO_NOINLINE void panic_dead(const char *operation, gc_object *self)
{
    struct gci_page *page = gci_page_of(self);
    gci_panic(page->heap, "ouro: %s of %s, which %s", operation, gci_page_describe(page, self).text,
              gci_state_of(self) == GCI_DYING
                  ? "is dying: nobody owns a reference to it"
                  : "is dead: a reference to it was dropped twice, or never taken");
}

/* Stacks of dead objects, chained through their counts in pages that are a list themselves: those that
 * are to end in end_plain, and the queue of the dying. `link` and `next` are a page's. */
static inline void push_dead(struct gci_page **pages, struct gci_page *page, gc_object *self,
                             uint16_t *link, struct gci_page **next)
{
    uint32_t flags = self->refs & GCI_REFS_FLAGS;
    self->refs = GCI_REFS_DEAD | (uint32_t)*link << GCI_REFS_LINK_SHIFT | flags;
    if (*link == 0) {
        *next = *pages;
        *pages = page;
    }
    *link = GCI_LINK(gci_page_offset(self));
}
static inline gc_object *pop_dead(struct gci_page **pages, uint16_t *link, struct gci_page **next)
{
    gc_object *self = gci_page_at(*pages, GCI_LINK_OFFSET(*link));
    *link = (uint16_t)(self->refs >> GCI_REFS_LINK_SHIFT);
    if (*link == 0) {
        *pages = *next;
    }
    return self;
}

static inline void enqueue_dying(struct gci_page *page, gc_object *self)
{
    push_dead(&page->heap->dying_pages, page, self, &page->dying, &page->next_dying);
}

static void join_backlog(struct gci_page *page, gc_object *self)
{
    push_dead(&page->heap->backlog, page, self, &page->waiting, &page->next_waiting);
    page->heap->backlog_count++;
}

static inline void leave_young(gc_heap *heap, const gc_object *self)
{
    heap->young_objects -= self->gc >> GCI_YOUNG_SHIFT & 1;
}

/* In a chain of a cycle it keeps its place (CYCLE-2). */
static inline void set_dying(struct gci_page *page, gc_object *self)
{
    if (OURO_UNLIKELY(gci_state_of(self) == GCI_GREY)) {
        self->gc = GCI_DYING | (self->gc & ~(uint32_t)GCI_STATE_MASK);
    } else {
        leave_young(page->heap, self);
        self->gc = GCI_DYING;
    }
}

/* The last reference to an object is dropped: it turns DYING, in no queue yet. false: it is one
 * reference too many. */
static inline bool turn_dying(struct gci_page *page, gc_object *self)
{
    uint32_t dead =
        1u << GCI_FREE | 1u << GCI_DYING; /* FREE, and no more: a page that was purged */
    if (OURO_UNLIKELY(self->refs > GCI_REFS_FLAGS || gci_is_member(dead, self->gc))) {
        panic_dead("gc_decref", self);
        return false;
    }
    set_dying(page, self);
    return true;
}

/* Whether a DYING object is to end in the queue, because user code may run by it. */
static inline bool is_for_queue(const struct gci_page *page, const gc_object *self)
{
    return (page->duties | (self->refs & OURO_REFS_WEAK)) != 0;
}

static inline gc_object *load_field(gc_object *self, const gc_field *field)
{
    gc_object *child;
    memcpy(&child, (char *)self + field->offset, sizeof(child));
    return child;
}

/* Whether a reference was the last one, as `refs` without it say, to a plain object with two references at
 * most, which nobody watches. Nearly all deaths are of this kind. */
static inline bool is_simple(const struct gci_page *page, uint32_t refs)
{
    return (refs & ~(uint32_t)OURO_REFS_SITE) == page->plain_refs;
}

/* Whether such an object refers to something. */
static inline bool refers(const struct gci_page *page, const gc_object *self)
{
    uintptr_t references[2];
    memcpy(&references[0], (const char *)self + page->near[0], sizeof(references[0]));
    memcpy(&references[1], (const char *)self + page->near[1], sizeof(references[1]));
    /* The lower half tells, for no object begins where a segment does. */
    return ((uint32_t)(references[0] | references[1]) & page->near_mask) != 0;
}

void gci_death_discard(struct gci_page *page, gc_object *self)
{
    set_dying(page, self);
    gci_death_count(page->heap, 0, page->slot_size);
    leave_slot_or_chain(page, self); /* last: nothing is kept across it */
}

/* The last reference to a child is dropped that is not simple, or one too many, or one to an
 * immortal. Returns whether it is plain, so that it has to end. */
static OURO_NOINLINE bool drop_other(struct gci_page *page, gc_object *child)
{
    if (OURO_IS_IMMORTAL(child->refs) || !turn_dying(page, child)) {
        return false;
    }
    if (is_for_queue(page, child)) {
        enqueue_dying(page, child);
        return false;
    }
    return true;
}

/* The end of a plain object whose last reference is dropped, and of the plain ones that die with it,
 * depth first; others join the queue. Runs no user code. */
static OURO_NOINLINE void end_plain(struct gci_page *page, gc_object *self)
{
    gc_heap *heap = page->heap;
    struct gci_page *ending = NULL, *next_page = NULL;
    size_t died = (size_t)0 - LONG_DRAIN, counted = LONG_DRAIN, bytes = 0, young = 0;
    do {
        gc_object *next = NULL;
        const gc_field *field = page->fields, *stop = field + page->field_count;
        for (; field < stop; field++) {
            gc_object *child = load_field(self, field);
            if (child == NULL) {
                continue;
            }
            uint32_t refs = child->refs - OURO_REFS_ONE;
            if ((int32_t)refs >= 0) {
                child->refs = refs;
                child->gc |= OURO_GC_TOUCHED;
                continue;
            }
            struct gci_page *child_page = gci_page_of(child);
            if (OURO_LIKELY(is_simple(child_page, refs))) {
                young += child->gc >> GCI_YOUNG_SHIFT & 1;
                if (!refers(child_page, child)) {
                    died++;
                    bytes += child_page->slot_size;
                    gci_death_leave_slot(child_page, child);
                    continue;
                }
            } else if (!drop_other(child_page, child)) {
                continue;
            }
            if (next == NULL) {
                child->refs = GCI_REFS_DEAD | (child->refs & GCI_REFS_FLAGS);
                next = child;
                next_page = child_page;
            } else {
                push_dead(&ending, child_page, child, &child_page->dead, &child_page->next_dead);
            }
        }
        if (OURO_UNLIKELY((ptrdiff_t)++died >= 0)) { /* once */
            note_long_drain(heap);
            died -= SIZE_MAX / 2;
            counted += SIZE_MAX / 2;
        }
        bytes += page->slot_size;
        leave_slot_or_chain(page, self);
        if (next == NULL && ending != NULL) {
            next_page = ending;
            next = pop_dead(&ending, &ending->dead, &ending->next_dead);
        }
        self = next;
        page = next_page;
    } while (self != NULL);
    gci_death_count(heap, counted + died, bytes);
    heap->young_objects -= young;
}

void gci_death_destroy(const struct gci_page *page, gc_object *self)
{
    if (page->duties & GCI_DUTY_DESTROY) {
        struct gci_callback outer = gci_callback_begin(page->heap, "destroy", page->type);
        page->type->destroy(self); /* user code may run here */
        gci_callback_end(page->heap, outer);
    }
}

/* The end of a DYING object whose references are dropped. */
static void end_cleared(struct gci_page *page, gc_object *self)
{
    gci_death_destroy(page, self); /* user code may run here */
    end_weak(self); /* user code may run here; of those that clear and destroy have made */
    if (gc_refcount(self) > 1) {
        /* Its memory stays taken for good: that is safer than what the reference would find
         * later. */
        gci_panic(page->heap, "ouro: %s was kept by its own clear or destroy",
                  gci_page_describe(page, self).text);
        return;
    }
    gci_death_count(page->heap, 1, page->slot_size);
    leave_slot_or_chain(page, self);
}

/* The end of a DYING object that is in no queue. */
static void end(struct gci_page *page, gc_object *self)
{
    if (!is_for_queue(page, self) && !is_deferring(page->heap)) {
        end_plain(page, self);
        return;
    }
    /* One reference, ours. */
    self->refs = (self->refs & GCI_REFS_FLAGS) | GCI_REFS_HELD;
    gci_death_finalize(page, self); /* user code may run here */
    if (gc_refcount(self) > 1) {
        resurrect(page, self);
        return;
    }
    end_weak(self);                    /* user code may run here */
    if (gci_death_clear(page, self)) { /* user code may run here */
        end_cleared(page, self);       /* user code may run here */
    }
}

void gci_death_drain(gc_heap *heap)
{
    if (heap->draining && !gci_has_been_left(heap, OURO_FRAME)) {
        return;
    }
    int error = errno;
    void *outer = heap->frame;
    uint64_t died = heap->objects_died;
    gci_enter(heap, OURO_FRAME);
    heap->draining = true;
    for (struct gci_page *page; (page = heap->dying_pages) != NULL;) {
        gc_object *self = pop_dead(&heap->dying_pages, &page->dying, &page->next_dying);
        end(page, self); /* user code may run here */
        if (heap->objects_died - died >= LONG_DRAIN) {
            note_long_drain(heap);
        }
    }
    heap->draining = false;
    heap->frame = outer;
    errno = error;
}

/* Go on with the object that is being emptied. */
static void empty_some(gc_heap *heap)
{
    gc_object *self = heap->emptying;
    struct gci_page *page = gci_page_of(self);
    size_t budget = ITEMS;
    clear_declared(page, self, &heap->emptied, &budget); /* what dies joins the backlog */
    if (budget > 0) {
        heap->emptying = NULL;
        if (gci_state_of(self) == GCI_DYING) {
            end_cleared(page, self); /* user code may run here */
        } else {
            gc_decref(self);
        }
    }
}

bool gci_death_end_backlog(gc_heap *heap, uint64_t deadline)
{
    enum { DEATHS = 16 }; /* between two looks at the clock */
    uint64_t before = heap->objects_died;
    for (unsigned died = 1; gci_death_is_behind(heap); died++) {
        struct gci_page *page = heap->backlog;
        if (heap->emptying != NULL) {
            empty_some(heap);
            died = 0;
        } else {
            gc_object *self = pop_dead(&heap->backlog, &page->waiting, &page->next_waiting);
            heap->backlog_count--;
            end(page, self); /* user code may run here */
        }
        if (died % DEATHS == 0) {
            if (heap->objects_died - before >= LONG_DRAIN) {
                note_long_drain(heap);
            }
            if (deadline == 0 || gci_sys_clock_ns() >= deadline) {
                break;
            }
        }
    }
    return !gci_death_is_behind(heap);
}

/* End an object, if it is not NULL, and then some of the backlog: for a time, and at least as many
 * bytes as births owe. What dies with them joins it. */
static void end_some(gc_heap *heap, gc_object *first, uint64_t ns)
{
    int error = errno;
    void *outer = heap->frame;
    gci_enter(heap, OURO_FRAME);
    heap->deferring = true;
    if (first != NULL) {
        end(gci_page_of(first), first); /* user code may run here */
    }
    size_t owed = heap->owed < heap->bytes_live ? heap->owed : heap->bytes_live;
    size_t goal = heap->bytes_live - owed;
    heap->owed = 0;
    bool is_done = gci_death_end_backlog(heap, 0); /* user code may run here; a few */
    if (!is_done && ns > 0) {
        uint64_t deadline = gci_deadline(gci_sys_clock_ns(), ns);
        is_done = gci_death_end_backlog(heap, deadline); /* user code may run here */
    }
    while (!is_done && heap->bytes_live > goal) {
        /* What is taken out of an array is paid for by that. */
        goal += heap->emptying != NULL ? ITEMS * sizeof(void *) : 0;
        is_done = gci_death_end_backlog(heap, 0); /* user code may run here */
    }
    heap->deferring = false;
    heap->frame = outer;
    heap->young_alarm = is_done ? heap->young_alarm : 0; /* births have to count */
    record_long_drain(heap);
    errno = error;
}

bool gci_death_catch_up(gc_heap *heap, uint64_t ns)
{
    bool may = gci_death_may_catch_up(heap);
    if (may) {
        end_some(heap, NULL, ns); /* user code may run here */
    }
    return may;
}

/* The end of what the program drops, in a heap whose destruction is bounded. */
static OURO_NOINLINE void end_bounded(struct gci_page *page, gc_object *self)
{
    gc_heap *heap = page->heap;
    if (heap->deferring && !gci_has_been_left(heap, OURO_FRAME)) {
        join_backlog(page, self);
    } else {
        end_some(heap, self, heap->config.destroy_ns); /* user code may run here */
    }
}

/* A death that is more than the end of a slot. */
static OURO_NOINLINE void die(struct gci_page *page, gc_object *self)
{
    gc_heap *heap = page->heap;
    if (!turn_dying(page, self)) {
        return;
    }
    if (heap->slicing) {
        join_backlog(page, self);
    } else if (heap->config.destroy_ns != 0 && heap->busy == 0) {
        end_bounded(page, self); /* user code may run here */
    } else if (is_for_queue(page, self)) {
        enqueue_dying(page, self);
    } else {
        end_plain(page, self);
    }
    if (heap->dying_pages != NULL) {
        gci_death_drain(heap); /* user code may run here */
    }
    record_long_drain(heap);
}

/* The books of a simple object that refers to nothing. */
static inline void book_simple(struct gci_page *page, const gc_object *self)
{
    leave_young(page->heap, self);
    gci_death_count(page->heap, 1, page->slot_size);
}

void ouro_decref_slow(void *object)
{
    gc_object *self = object;
    struct gci_page *page = gci_page_of(self);
    if (OURO_LIKELY(self->refs == page->plain_refs && !refers(page, self))) {
        book_simple(page, self);
        gci_death_push_slot(page, self);
    } else if (self->refs == (page->plain_refs | OURO_REFS_SITE) && !refers(page, self)) {
        book_simple(page, self);
        gci_page_unrecord(page, self);
        gci_death_push_slot(page, self);
    } else {
        self->refs += OURO_REFS_ONE;
        die(page, self); /* user code may run here */
    }
}

/* The object has its last count, or is immortal by now: it becomes immortal. */
static void saturate(gc_object *self, const char *operation)
{
    if (GCI_IS_DEAD(self->refs)) {
        panic_dead(operation, self);
    } else {
        self->refs = OURO_REFS_IMMORTAL | (self->refs & GCI_REFS_FLAGS);
    }
}

void ouro_incref_slow(void *object)
{
    gc_object *self = object;
    self->refs -= OURO_REFS_ONE;
    saturate(self, "gc_incref");
}

void gc_make_immortal(void *object)
{
    saturate(object, "gc_make_immortal");
}
