/* SPDX-License-Identifier: MIT */

/* Tails that grow and shrink.
 *
 * A tail is part of its object's slot, so beyond the slot's size class the object moves. That only
 * its owner's slot knows of, so there must be no other. Growing does what can fail first: the new
 * place is made, user code may have run, and all is looked at again. Shrinking drops what is beyond
 * the end in place, then moves to a smaller slot if it can. */

#include "death.h"

static gc_object *object_in(const void *slot)
{
    gc_object *self;
    memcpy(&self, slot, sizeof(self));
    return self;
}

/* Whether nobody would miss the object at its address. Weak references have it too. */
static bool is_held_alone(const gc_object *self)
{
    return gc_is_unique(self) && !(self->refs & OURO_REFS_WEAK) && gci_state_of(self) != GCI_DYING;
}

static size_t end_of_items(const gc_type *type, size_t count)
{
    return type->size + count * type->item_size;
}

/* Move an object to a new place with a tail of `count`. What is beyond the shorter of both tails is
 * not copied. */
static void move(void *slot, gc_object *self, gc_object *place, size_t count)
{
    struct gci_page *page = gci_page_of(self);
    size_t before = *gci_object_count(page, self);
    size_t end = end_of_items(page->type, count < before ? count : before);
    memcpy(place + 1, self + 1, end - sizeof(*self));
    place->refs |= self->refs & OURO_REFS_FINALIZED;
    memcpy(slot, &place, sizeof(place));
    page->heap->ending.freed -=
        gci_state_of(self) == GCI_DOOMED; /* it lives on, in another place */
    gci_death_discard(page, self);
}

/* Try to move the object in the slot. What may not be moved when its new place is made, since user
 * code has run, stays. */
static gc_status try_to_move(gc_heap *heap, void *slot, size_t count, const char *where)
{
    gc_object *self = object_in(slot);
    gc_object *place = gc_new_var_at(heap, gci_page_of(self)->type, count, where);
    if (place == NULL) { /* user code may have run */
        return heap->last_error;
    }
    if (object_in(slot) != self || !is_held_alone(self)) {
        gci_death_discard(gci_page_of(place), place);
        return gci_fail(heap, GC_ERR_SHARED);
    }
    move(slot, self, place, count);
    return GC_OK;
}

static bool is_tail_declared(const struct gci_page *page)
{
    const gc_field *end = page->fields + page->field_count;
    const gc_field *field = page->fields;
    while (field < end && field->kind != GC_FIELD_TAIL) {
        field++;
    }
    return field < end;
}

/* Shorten the tail in place. */
static void cut_tail(const struct gci_page *page, gc_object *self, size_t count)
{
    size_t *length = gci_object_count(page, self);
    if (!is_tail_declared(page)) { /* there is nothing to drop */
        *length = count;
    }
    while (*length > count) {
        --*length;
        gc_xdecref(ouro_slot_take((char *)self + end_of_items(page->type, *length)));
        /* user code may have run */
    }
}

static gc_status shrink(gc_heap *heap, void *slot, size_t count, size_t slot_size,
                        const char *where)
{
    gc_object *self = object_in(slot);
    struct gci_page *page = gci_page_of(self);
    gc_incref(self); /* held, it is not moved by what runs, nor does it die in the middle */
    cut_tail(page, self, count);
    gc_decref(self); /* user code may run here */
    if (object_in(slot) == self && is_held_alone(self) && slot_size < page->slot_size) {
        gc_status before = heap->last_error;
        if (try_to_move(heap, slot, count, where) != GC_OK) {
            heap->last_error = before; /* it stays where it is, and is shorter all the same */
        }
    }
    return GC_OK;
}

static gc_status grow(gc_heap *heap, void *slot, size_t count, size_t slot_size, const char *where)
{
    gc_object *self = object_in(slot);
    struct gci_page *page = gci_page_of(self);
    if (slot_size > page->slot_size) {
        return try_to_move(heap, slot, count, where); /* user code may run here */
    }
    size_t *length = gci_object_count(page, self);
    size_t end = end_of_items(page->type, *length);
    memset((char *)self + end, 0, end_of_items(page->type, count) - end);
    *length = count;
    return GC_OK;
}

gc_status gc_resize_var_at(void *slot, size_t count, const char *where)
{
    gc_object *self = object_in(slot);
    struct gci_page *page = gci_page_of(self);
    gc_heap *heap = page->heap;
    size_t slot_size;
    unsigned size_class;
    if (page->type->item_size == 0) {
        gci_panic(heap, "ouro: gc_resize_var: %s has no tail", gci_page_describe(page, self).text);
        return gci_fail(heap, GC_ERR_TYPE);
    }
    if (!is_held_alone(self)) {
        return gci_fail(heap, GC_ERR_SHARED);
    }
    if (!gci_object_size(page->type, count, &slot_size, &size_class)) {
        return gci_fail(heap, GC_ERR_SIZE);
    }
    return (count < *gci_object_count(page, self) ? shrink : grow)(heap, slot, count, slot_size,
                                                                   where);
}
