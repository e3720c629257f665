/* SPDX-License-Identifier: MIT */
#ifndef OURO_OBJECT_H
#define OURO_OBJECT_H

/* Birth. */

#include "pages.h"

static inline enum gci_state gci_state_of(const gc_object *self)
{
    return (enum gci_state)(self->gc & GCI_STATE_MASK);
}

/* For gci_page_each_member. */
static inline void gci_object_set_state(gc_object *self, void *state)
{
    self->gc = *(const uint32_t *)state;
}

/* The state of old that the old are not in now: what a cycle has not marked is in it. */
static inline uint32_t gci_other_old(const gc_heap *heap)
{
    return heap->old == GCI_OLD_A ? (uint32_t)GCI_OLD_B : (uint32_t)GCI_OLD_A;
}

/* The state of a container that is old from now on, whatever it was. */
static inline uint32_t gci_object_old(const gc_object *self)
{
    struct gci_page *page = gci_page_of(self);
    gci_page_mix(page);
    return page->heap->old;
}

/* The count of a tail stands at the end of its slot. */
static inline size_t *gci_object_count(const struct gci_page *page, const gc_object *self)
{
    return (size_t *)(void *)((char *)(uintptr_t)self + page->slot_size - sizeof(size_t));
}

/* The slot size and class of an object with a tail of `count` items; false: it overflows. */
static inline bool gci_object_size(const gc_type *type, size_t count, size_t *slot_size,
                                   unsigned *size_class)
{
    size_t size;
    if (!gci_size_of_array(count, type->item_size, type->size, &size) ||
        size > PTRDIFF_MAX - GCI_SEGMENT_SIZE) {
        return false;
    }
    size = gci_round_up(size, sizeof(size_t)) + sizeof(size_t);
    *slot_size = gci_size_class(size, gci_larger(type->align, 8), size_class);
    return true;
}

/* How many references a GC_FIELD_BUFFER holds. */
static inline uint64_t gci_field_count(const gc_object *self, const gc_field *field)
{
    const char *place = (const char *)self + field->count_offset;
    uint8_t count8;
    uint16_t count16;
    uint32_t count32;
    uint64_t count64;
    switch (field->count_size) {
    case 1:
        memcpy(&count8, place, sizeof(count8));
        return count8;
    case 2:
        memcpy(&count16, place, sizeof(count16));
        return count16;
    case 4:
        memcpy(&count32, place, sizeof(count32));
        return count32;
    default:
        memcpy(&count64, place, sizeof(count64));
        return count64;
    }
}

/* How many references there are in a field, and where. */
static inline size_t gci_object_array(const gc_object *self, const gc_field *field,
                                      const char **items)
{
    *items = (const char *)self + field->offset;
    if (field->kind == GC_FIELD_REF) {
        return 1;
    }
    if (field->kind == GC_FIELD_TAIL) {
        return *gci_object_count(gci_page_of(self), self);
    }
    const char *array;
    memcpy(&array, *items, sizeof(array));
    *items = array;
    return (size_t)gci_field_count(self, field);
}

/* How many references an object's declared fields have room for, those that are NULL too. */
static inline size_t gci_object_items(const struct gci_page *page, const gc_object *self)
{
    size_t count = 0;
    for (size_t i = 0; i < page->field_count; i++) {
        const char *items;
        count += gci_object_array(self, &page->fields[i], &items);
    }
    return count;
}

/* Whether an object has arrays that would take a good part of a millisecond. */
static inline bool gci_object_is_very_long(const struct gci_page *page, const gc_object *self)
{
    enum { VERY_LONG = 8192 };
    return gci_object_items(page, self) > VERY_LONG;
}

/* Sets of states: not FREE; and not DYING either. */
enum { GCI_TAKEN = 0xFFFF & ~(1 << GCI_FREE), GCI_ALIVE = GCI_TAKEN & ~(1 << GCI_DYING) };

/* The objects of a heap that have one of some states, one after the other. The walk begins with { 0 };
 * or with gci_pages_begin_walk, if user code runs between two of them. */
static inline gc_object *gci_walk_next(const gc_heap *heap, struct gci_walk *at, uint32_t states)
{
    for (;;) {
        while (at->page != NULL && at->offset < at->end) {
            gc_object *self = gci_page_at(at->page, at->offset);
            at->offset += at->page->slot_size;
            if (gci_is_member(states, self->gc)) {
                return self;
            }
        }
        at->page = gci_pages_next(heap, at->page);
        if (at->page == NULL) {
            return NULL;
        }
        bool skip = at->page->birth == GCI_LEAF && !(states & (1u << GCI_LEAF | 1u << GCI_DYING));
        at->offset = at->page->first;
        at->end = skip ? 0 : gci_pages_walk_end(at->page, at); /* speed only */
    }
}

/* The record of a type and size class, or NULL. */
OURO_INTERNAL struct gci_record *gci_object_record(const gc_heap *heap, const gc_type *type,
                                                   unsigned size_class);

/* Forget a type, and give up its pages. No pages are pinned. Returns false, and does nothing, if objects
 * of the type are left. */
OURO_INTERNAL bool gci_object_forget_type(gc_heap *heap, const gc_type *type);

/* Forget all records, at the end of the heap. */
OURO_INTERNAL void gci_object_free_records(gc_heap *heap);

#endif
