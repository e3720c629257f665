/* SPDX-License-Identifier: MIT */

/* Birth.
 *
 * An object is born from the free list of its record's current page; everything else about a
 * birth (a new type, a new page, a threshold passed, memory short) is the slow path. */

#include "object.h"

#include <errno.h>

#include "table.h"

static uint64_t key_of(const gc_type *type, unsigned size_class)
{
    return (uint64_t)(uintptr_t)type << GCI_CLASS_BITS | size_class;
}

/* The place of a type and size class among those of current pages. Types stand side by side in memory, and
 * are nearly as large as a power of two. */
static inline size_t place_of(const gc_type *type, unsigned size_class)
{
    return OURO_PLACE_OF(type) ^ size_class;
}
static inline struct gci_page *page_in(struct ouro_page *const *pages, size_t place)
{
    return (struct gci_page *)(void *)pages[place];
}

/* Types and their records. */

static bool fields_are_well_formed(const gc_type *type)
{
    size_t count = type->refs == NULL ? 0 : type->refs->count;
    bool right = count <= UINT16_MAX;
    for (size_t i = 0; i < count && right; i++) {
        const gc_field *field = &type->refs->fields[i];
        size_t size = field->count_size;
        bool counted = size == 1 || size == 2 || size == 4 || size == 8;
        right = field->offset >= sizeof(gc_object) && field->offset % sizeof(void *) == 0 &&
                field->offset <= type->size - sizeof(void *);
        if (field->kind == GC_FIELD_TAIL) {
            right = field->offset == type->size && type->item_size == sizeof(void *);
        } else if (field->kind == GC_FIELD_BUFFER) {
            right = right && counted && field->count_offset >= sizeof(gc_object) &&
                    field->count_offset <= type->size - size;
        } else if (field->kind != GC_FIELD_REF) {
            right = false;
        }
    }
    return right;
}

/* What is wrong with a type, or NULL. */
static const char *fault_of(const gc_type *type)
{
    static const gc_type blank;
    const char *fault = NULL;
    if (type->name == NULL) {
        fault = "it has no name";
    } else if (type->size < sizeof(gc_object)) {
        fault = "its size is less than a gc_object";
    } else if (type->size > PTRDIFF_MAX || type->item_size > PTRDIFF_MAX) {
        fault = "its size is beyond all memory";
    } else if (type->align > GCI_ALIGN_MAX || (type->align & (type->align - 1)) != 0) {
        fault = "its align is not a power of two up to 64";
    } else if (type->flags != 0 || memcmp(type->room, blank.room, sizeof(blank.room)) != 0) {
        fault = "its flags or its spare room are not zero";
    } else if (!fields_are_well_formed(type)) {
        fault = "refs declares a field that does not lie inside, or a tail that is not one of "
                "references";
    }
    return fault;
}

static void *refuse(gc_heap *heap, const gc_type *type, const char *what, const char *why)
{
    gci_panic(heap, "ouro: type %s %s: %s", type->name == NULL ? "?" : type->name, what, why);
    heap->last_error = GC_ERR_TYPE;
    return NULL;
}

static struct gci_record *new_record(gc_heap *heap)
{
    struct gci_record *record = heap->free_records;
    if (record != NULL) {
        heap->free_records = record->next;
        return record;
    }
    struct gci_records *block = heap->records;
    if (block == NULL || block->used == sizeof(block->records) / sizeof(block->records[0])) {
        block = gci_memory_take(heap, sizeof(*block), GCI_ALIGN_MAX);
        if (block == NULL) {
            return NULL;
        }
        block->used = 0;
        block->next = heap->records;
        heap->records = block;
    }
    return &block->records[block->used++];
}

/* List the records that are free, but give back the blocks that have no other. */
static void list_free_records(gc_heap *heap)
{
    struct gci_records **link = &heap->records;
    heap->free_records = NULL;
    while (*link != NULL) {
        struct gci_records *block = *link;
        struct gci_record *before = heap->free_records;
        size_t free = 0;
        for (size_t i = 0; i < block->used; i++) {
            if (block->records[i].type == NULL) {
                block->records[i].next = heap->free_records;
                heap->free_records = &block->records[i];
                free++;
            }
        }
        if (free == block->used) {
            heap->free_records = before;
            *link = block->next;
            gci_memory_give(heap, block, sizeof(*block));
        } else {
            link = &block->next;
        }
    }
}

void gci_object_free_records(gc_heap *heap)
{
    while (heap->records != NULL) {
        struct gci_records *block = heap->records;
        heap->records = block->next;
        gci_memory_give(heap, block, sizeof(*block));
    }
    gci_table_free(heap, &heap->record_table);
}

struct gci_record *gci_object_record(const gc_heap *heap, const gc_type *type, unsigned size_class)
{
    return gci_table_get(&heap->record_table, key_of(type, size_class));
}

/* The record of a type and size class, made when there is none. NULL: no memory. */
static struct gci_record *record_of(gc_heap *heap, const gc_type *type, unsigned size_class)
{
    uint64_t key = key_of(type, size_class);
    struct gci_record *record = gci_object_record(heap, type, size_class);
    if (record != NULL) {
        return record;
    }
    if (!gci_table_reserve(heap, &heap->record_table) || (record = new_record(heap)) == NULL) {
        return NULL;
    }
    *record = (struct gci_record){ .key = key, .type = type };
    gci_table_put(&heap->record_table, key, record);
    return record;
}

/* Whether there are objects of a type, or only those that are not as the type says now. */
static bool has_objects(const gc_heap *heap, const gc_type *type, bool former)
{
    struct gci_page *page = NULL;
    while ((page = gci_pages_next(heap, page)) != NULL) {
        if (page->type == type && gci_page_used(page) > 0 &&
            !(former && gci_page_describes(page, type))) {
            return true;
        }
    }
    return false;
}

bool gci_object_forget_type(gc_heap *heap, const gc_type *type)
{
    if (has_objects(heap, type, false)) {
        return false;
    }
    gci_pages_drop_idle(heap);
    (void)gci_pages_trim(heap, SIZE_MAX); /* emptied pages may be of the type */
    for (unsigned size_class = 0; size_class <= GCI_CLASS_LARGE; size_class++) {
        struct gci_record *record = gci_object_record(heap, type, size_class);
        if (record != NULL) {
            OURO_ASSERT(record->current == NULL && !gci_record_has_partial(record));
            gci_table_remove(heap, &heap->record_table, record->key);
            *record = (struct gci_record){ 0 };
        }
    }
    list_free_records(heap);
    return true;
}

/* Birth. */

static OURO_NOINLINE gc_object *zero_large(gc_object *self, size_t size)
{
    memset(self + 1, 0, size - sizeof(*self));
    return self;
}

/* Zero what follows the header, in an object of `size` bytes. The stores overlap rather than be
 * exact. */
static inline gc_object *zero(gc_object *self, size_t size)
{
    static const char nothing[16];
    char *start = (char *)(self + 1), *end = (char *)self + size;
    if (size <= sizeof(*self) + 16) { /* speed only: a call costs more than these objects do */
        memcpy(start, nothing, 8);
        memcpy(end - 8, nothing, 8);
    } else if (size <= sizeof(*self) + 32) {
        memcpy(start, nothing, 16);
        memcpy(end - 16, nothing, 16);
    } else if (size <= sizeof(*self) + 64) {
        memcpy(start, nothing, 16);
        memcpy(start + 16, nothing, 16);
        memcpy(end - 32, nothing, 16);
        memcpy(end - 16, nothing, 16);
    } else {
        return zero_large(self, size);
    }
    return self;
}

static inline gc_object *take_slot(gc_heap *heap, struct gci_page *page)
{
    return ouro_page_allocate(&heap->known, &page->known, page->slot_size, page->birth);
}

/* The same while the heap is walked. */
static OURO_NOINLINE gc_object *take_slot_in_walk(gc_heap *heap, struct gci_page *page)
{
    uint32_t holes = gci_pages_skips_holes(heap, page) ? page->free : 0;
    page->free -= holes;
    gc_object *self = take_slot(heap, page);
    page->free += holes;
    return self;
}

/* Whether what a page knows of the references of a type is as the type has it now. */
static inline bool has_same_fields(const struct gci_page *page, const gc_type *type)
{
    if (type->refs == NULL || type->refs->count == 0) {
        return page->field_count == 0;
    }
    const gc_field *fields = type->refs->fields;
    return page->fields == fields && page->field_count == type->refs->count &&
           (!page->is_near || (fields[0].offset == page->near[0] &&
                               fields[page->field_count - 1].offset == page->near[1]));
}

/* Whether a page that is empty was of another type with the same address. While a type has objects it
 * does not change. Most often it is the same, which is fast to tell. */
static inline bool is_of_former_type(const struct gci_page *page, const gc_type *type)
{
    if (OURO_LIKELY(gci_page_used(page) > 0)) {
        return false;
    }
    const gc_type *seen = &page->record->seen;
    bool is_same = seen->size == type->size && seen->item_size == type->item_size &&
                   seen->align == type->align && seen->traverse == type->traverse &&
                   seen->clear == type->clear && seen->finalize == type->finalize &&
                   seen->destroy == type->destroy && has_same_fields(page, type);
    return !is_same && !gci_page_describes(page, type);
}

/* An object of a type in a page from a place, but for the zeros, if its slots have the size and kind and
 * nothing else is to be done first; or NULL. */
static inline gc_object *short_birth(gc_heap *heap, struct gci_page *page, const gc_type *type,
                                     size_t size)
{
    bool ready = page->type == type && page->slot_size == size &&
                 (page->birth == GCI_LEAF) == (type->refs == NULL && type->traverse == NULL) &&
                 !ouro_alarm_is_due(&heap->known, size);
    return OURO_LIKELY(ready) ? take_slot(heap, page) : NULL;
}

/* The same, if the page is not one of a former type. */
static inline gc_object *birth(gc_heap *heap, struct gci_page *page, const gc_type *type,
                               size_t size)
{
    bool is_former = page->type == type && is_of_former_type(page, type);
    return is_former ? NULL : short_birth(heap, page, type, size);
}

static bool fits_limit(const gc_heap *heap, size_t slot_size)
{
    size_t limit = heap->config.limit_bytes;
    return limit == 0 ||
           (heap->bytes_live <= limit && heap->bytes_external <= limit - heap->bytes_live &&
            slot_size <= limit - heap->bytes_live - heap->bytes_external);
}

/* One try at a birth, off the fast path. NULL: `error` says why. */
static gc_object *try_birth(gc_heap *heap, const gc_type *type, unsigned size_class,
                            size_t slot_size, gc_status *error)
{
    if (!fits_limit(heap, slot_size)) {
        *error = GC_ERR_LIMIT;
        return NULL;
    }
    *error = GC_ERR_NOMEM;
    struct gci_record *record = record_of(heap, type, size_class);
    struct gci_page *page = record == NULL ? NULL : gci_pages_with_room(heap, record, slot_size);
    if (page == NULL) {
        return NULL;
    }
    if (heap->walk != NULL) { /* all births have to come by here */
        return zero(take_slot_in_walk(heap, page), page->slot_size);
    }
    if (page == record->current) {
        /* While the profiler is on, all births have to miss the heap's own pages. */
        struct ouro_page **pages = heap->profile != NULL ? heap->profile->pages : heap->pages;
        pages[place_of(type, size_class)] = &page->known;
    }
    return zero(take_slot(heap, page), page->slot_size);
}

/* Look at a type that has no current page, or one that was of another type with the same address and is
 * given up. Returns what is wrong with the type, or NULL. */
static const char *look_at_type(const gc_heap *heap, struct gci_record *record, const gc_type *type)
{
    bool has_page = record != NULL && record->current != NULL;
    if (has_page && gci_page_describes(record->current, type)) {
        return NULL;
    }
    if (has_page && has_objects(heap, type, true)) {
        return "it has changed while objects of it are alive";
    }
    if (has_page) {
        gci_pages_leave_current(record);
    }
    return fault_of(type);
}

static gc_object *slow_birth(gc_heap *heap, const gc_type *type, unsigned size_class,
                             size_t slot_size)
{
    struct gci_record *record = gci_object_record(heap, type, size_class);
    const char *fault = look_at_type(heap, record, type);
    if (fault != NULL) {
        return refuse(heap, type, "is malformed", fault);
    }
    if (heap->closing) {
        heap->last_error = GC_ERR_CLOSING;
        return NULL;
    }
    if (heap->config.destroy_ns != 0) {
        heap->hooks.owe(heap, slot_size); /* user code may run here */
    }
    /* A cycle goes on though what is allocated is only as much as dies. */
    if (ouro_alarm_is_due(&heap->known, slot_size) || heap->in_cycle ||
        heap->bytes_live < heap->bytes_low) {
        heap->hooks.alarm(heap); /* user code may run here */
    }
    gc_status error;
    gc_object *self = try_birth(heap, type, size_class, slot_size, &error);
    if (self == NULL && heap->hooks.shortage(heap)) { /* user code may run here */
        self = try_birth(heap, type, size_class, slot_size, &error);
    }
    int saved = errno;
    while (self == NULL && heap->config.out_of_memory != NULL &&
           heap->config.out_of_memory(heap, slot_size)) { /* user code may run here */
        self = try_birth(heap, type, size_class, slot_size, &error);
    }
    errno = saved;
    if (self == NULL) {
        heap->last_error = error;
    }
    return self;
}

/* A birth that missed the heap's own pages: because it needs more than that, or has to be recorded. */
static gc_object *other_birth(gc_heap *heap, const gc_type *type, unsigned size_class,
                              size_t slot_size, const struct gci_caller *caller)
{
    if (heap->profile == NULL) {
        return slow_birth(heap, type, size_class, slot_size);
    }
    struct gci_page *page = page_in(heap->profile->pages, place_of(type, size_class));
    gc_object *self = birth(heap, page, type, slot_size);
    self = self == NULL ? slow_birth(heap, type, size_class, slot_size) : zero(self, slot_size);
    if (self != NULL && heap->profile != NULL) {
        heap->hooks.born(heap, self, caller);
    }
    return self;
}

/* A birth that is not ready. */
static OURO_NOINLINE void *new_unready(gc_heap *heap, const gc_type *type, const char *where,
                                       void *return_address)
{
    if (type->item_size != 0) {
        return refuse(heap, type, "has an item_size", "use gc_new_var");
    }
    struct gci_caller caller = { where, return_address };
    return other_birth(heap, type, 0, gci_page_slot_size(type), &caller);
}

/* Record a birth at another line than the one before; the object is not zeroed yet. */
static OURO_NOINLINE gc_object *record_elsewhere(gc_heap *heap, gc_object *self, const char *where,
                                                 void *return_address)
{
    struct gci_caller caller = { where, return_address };
    (void)zero(self, gci_page_of(self)->slot_size);
    heap->hooks.born(heap, self, &caller);
    return self;
}

/* gc_new while the profiler is on. */
static inline void *new_on_record(gc_heap *heap, const gc_type *type, const char *where,
                                  void *return_address)
{
    struct gci_page *page = page_in(heap->profile->pages, place_of(type, 0));
    size_t size = gci_page_slot_size(type);
    gc_object *self = short_birth(heap, page, type, size);
    if (OURO_UNLIKELY(self == NULL)) {
        return new_unready(heap, type, where, return_address);
    }
    self->refs = OURO_REFS_SITE;
    if (OURO_LIKELY(gci_page_record_again(heap->profile, page, self, where))) {
        return zero(self, size);
    }
    return record_elsewhere(heap, self, where, return_address);
}

static inline void *new_long(gc_heap *heap, const gc_type *type, const char *where,
                             void *return_address)
{
    return heap->profile != NULL ? new_on_record(heap, type, where, return_address)
                                 : new_unready(heap, type, where, return_address);
}
static OURO_NOINLINE void *call_new_long(gc_heap *heap, const gc_type *type, const char *where,
                                         void *return_address)
{
    return new_long(heap, type, where, return_address);
}

void *gc_new_at(gc_heap *heap, const gc_type *type, const char *where)
{
    struct gci_page *page = page_in(heap->pages, place_of(type, 0));
    size_t size = gci_page_slot_size(type);
    gc_object *self = birth(heap, page, type, size);
    if (OURO_LIKELY(self != NULL)) {
        return zero(self, size);
    }
    return call_new_long(heap, type, where, OURO_RETURN_ADDRESS);
}

void *ouro_new_slow(gc_heap *heap, const gc_type *type, const char *where)
{
    return new_long(heap, type, where, OURO_RETURN_ADDRESS);
}

void *gc_new_var_at(gc_heap *heap, const gc_type *type, size_t count, const char *where)
{
    if (type->item_size == 0) {
        return refuse(heap, type, "has no item_size", "use gc_new");
    }
    size_t size;
    unsigned size_class;
    if (!gci_object_size(type, count, &size, &size_class)) {
        heap->last_error = GC_ERR_SIZE;
        return NULL;
    }
    struct gci_caller caller = { where, OURO_RETURN_ADDRESS };
    struct gci_page *page = page_in(heap->pages, place_of(type, size_class));
    gc_object *self = birth(heap, page, type, size);
    self = OURO_LIKELY(self != NULL) ? zero(self, size)
                                     : other_birth(heap, type, size_class, size, &caller);
    if (self != NULL) {
        *gci_object_count(gci_page_of(self), self) = count;
    }
    return self;
}

size_t gc_tail_length(const void *object)
{
    const struct gci_page *page = gci_page_of(object);
    return page->type->item_size == 0 ? 0 : *gci_object_count(page, object);
}

const gc_type *gc_type_of(const void *object)
{
    return gci_page_of(object)->type;
}

gc_heap *gc_heap_of(const void *object)
{
    return gci_page_of(object)->heap;
}
