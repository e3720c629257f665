/* SPDX-License-Identifier: MIT */

#include "sweep.h"

/* Drop a reference of garbage, unless it is to other garbage. */
static inline void drop_outside(uint32_t members, gc_object *self, size_t offset)
{
    gc_object *child;
    memcpy(&child, (char *)self + offset, sizeof(child));
    if (child != NULL && !gci_is_member(members, child->gc)) {
        gc_decref(child);
    }
}

struct drop {
    uint32_t members;
    const gc_field *first, *stop;
    size_t left, right; /* speed only: if there are two */
};

static inline void drop_two(gc_object *self, void *context)
{
    const struct drop *drop = context;
    drop_outside(drop->members, self, drop->left);
    drop_outside(drop->members, self, drop->right);
}

static inline void drop_fields(gc_object *self, void *context)
{
    const struct drop *drop = context;
    for (const gc_field *field = drop->first; field < drop->stop; field++) {
        drop_outside(drop->members, self, field->offset);
    }
}

static void drop_range(const struct gci_page *page, uint32_t members, struct gci_run run)
{
    const gc_field *first = page->fields;
    struct drop drop = { members, first, first + page->field_count, first->offset, 0 };
    if (page->field_count == 2) {
        drop.right = first[1].offset;
        (void)gci_page_each_member(page, members, run.from, run.end, drop_two, &drop);
    } else {
        (void)gci_page_each_member(page, members, run.from, run.end, drop_fields, &drop);
    }
}

void gci_sweep_drop(const struct gci_set *set, struct gci_page *page)
{
    for (struct gci_run run = gci_set_run(set, page, 0); run.from < run.end;
         run = gci_set_run(set, page, run.end)) {
        drop_range(page, set->members, run);
    }
}

/* Free all slots of a page. It begins anew, so the slots need only be dead. */
static void free_whole_page(struct gci_page *page)
{
    for (size_t offset = page->first, end = gci_page_end(page), size = page->slot_size;
         offset < end; offset += size) {
        gc_object *self = gci_page_at(page, offset);
        if (OURO_UNLIKELY((self->refs & OURO_REFS_SITE) && !GCI_IS_DEAD(self->refs))) {
            gci_page_unrecord(page, self);
        }
        *self = (gc_object){ GCI_REFS_DEAD, GCI_FREE };
    }
    gci_page_reset(page);
}

/* Free `count` objects by a pass over the page, which sorts its free list by address. */
static void free_and_sort(struct gci_page *page, uint32_t members, size_t count)
{
    gci_page_sort_free(page, members);
    bool noticed = page->countdown <= count;
    page->countdown = (uint16_t)(page->countdown - count);
    page->sorted = (uint8_t)gci_page_used(page);
    if (noticed) {
        gci_page_noticed(page);
    }
}

/* Free the members in a range of slots, from the last on, so that the free list is in the order of
 * addresses. */
static void free_range(struct gci_page *page, uint32_t members, struct gci_run run)
{
    for (size_t offset = run.end; offset > run.from;) {
        offset -= page->slot_size;
        gc_object *self = gci_page_at(page, offset);
        if (gci_is_member(members, self->gc)) {
            gci_death_leave_slot(page, self);
        }
    }
}

void gci_sweep_free(const struct gci_set *set, struct gci_page *page)
{
    size_t count = (size_t)page->members - page->marked;
    gci_death_count(page->heap, count, count * page->slot_size);
    if (gci_page_used(page) == count) {
        free_whole_page(page);
    } else if (!set->sparse) {
        free_and_sort(page, set->members, count);
    } else {
        for (struct gci_run run = gci_set_run(set, page, 0); run.from < run.end;
             run = gci_set_run(set, page, run.end)) {
            free_range(page, set->members, run);
        }
    }
}
