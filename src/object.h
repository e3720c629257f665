/* SPDX-License-Identifier: MIT */
#ifndef OURO_OBJECT_H
#define OURO_OBJECT_H

/* Birth, the slow half of counting, and death. */

#include "pages.h"

static inline enum gci_state gci_state_of(const gc_object *self)
{
    return (enum gci_state)(self->gc & GCI_STATE_MASK);
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

/* Drop the references an object holds: the type's clear, then whatever refs declares. Any user
 * code may run. */
OURO_INTERNAL void gci_object_clear(const struct gci_page *page, gc_object *self);

/* Call the type's finalize, once in a life. The caller holds a reference. Any user code may run. */
OURO_INTERNAL void gci_object_finalize(const struct gci_page *page, gc_object *self);

/* The end of plain garbage, which is what has still a state of `members`, in two walks over its
 * pages. First it drops its references to what is no garbage, and its slots are free; then they are
 * in the free lists, and the books are right: page->members less page->marked objects. Runs no user
 * code: the heap is draining, and what dies by the first walk joins the queue. */
OURO_INTERNAL void gci_object_end_garbage(struct gci_page *page, uint32_t members);
OURO_INTERNAL void gci_object_free_garbage(struct gci_page *page);

/* End the objects in the queue of the dying, unless somebody further up the stack is at it. Any
 * user code may run. */
OURO_INTERNAL void gci_object_drain(gc_heap *heap);

/* The record of a type and size class, or NULL. */
OURO_INTERNAL struct gci_record *gci_object_record(const gc_heap *heap, const gc_type *type,
                                                   unsigned size_class);

/* Forget all records, at the end of the heap. */
OURO_INTERNAL void gci_object_free_records(gc_heap *heap);

#endif
