/* SPDX-License-Identifier: MIT */

/* Birth and death.
 *
 * An object is born from the free list of its record's current page; everything else about a
 * birth (a new type, a new page, a threshold passed, memory short) is the slow path. An object
 * dies when its count reaches zero: it turns DYING, in no set from then on, before any user code
 * runs; then finalize (which may end it here), its references dropped, destroy, slot free. The
 * first death on a stack empties the queue of the dying, later ones only join it: no recursion.
 * While its callbacks run a dying object holds one reference to itself, so that they may count
 * it as usual. */

#include "object.h"

#include "table.h"

static uint64_t key_of(const gc_type *type, unsigned size_class)
{
    return (uint64_t)(uintptr_t)type << GCI_CLASS_BITS | size_class;
}

/* The place of a type, or of a type and size class, in a cache. Types stand side by side in memory,
 * and are nearly as large as a power of two. */
static inline struct gci_page **single_place(struct gci_cache *cache, const gc_type *type)
{
    return &cache->single[(uintptr_t)type / 128 % GCI_CACHE_SIZE];
}
static inline struct gci_page **tailed_place(struct gci_cache *cache, const gc_type *type,
                                             unsigned size_class)
{
    return &cache->tailed[((uintptr_t)type / 128 ^ size_class) % GCI_CACHE_SIZE];
}

/* Types and their records. */

static bool fields_are_well_formed(const gc_type *type)
{
    if (type->refs != NULL && type->refs->count > UINT16_MAX) {
        return false;
    }
    for (size_t i = 0; type->refs != NULL && i < type->refs->count; i++) {
        const gc_field *field = &type->refs->fields[i];
        size_t size = field->count_size;
        bool counted = size == 1 || size == 2 || size == 4 || size == 8;
        bool inside = field->offset >= sizeof(gc_object) && field->offset % sizeof(void *) == 0 &&
                      field->offset <= type->size - sizeof(void *);
        if (field->kind == GC_FIELD_TAIL) {
            inside = field->offset == type->size && type->item_size == sizeof(void *);
        } else if (field->kind == GC_FIELD_BUFFER) {
            inside = inside && counted && field->count_offset >= sizeof(gc_object) &&
                     field->count_offset <= type->size - size;
        } else if (field->kind != GC_FIELD_REF) {
            inside = false;
        }
        if (!inside) {
            return false;
        }
    }
    return true;
}

static bool is_spare_room_zero(const gc_type *type)
{
    bool zero = type->flags == 0;
    for (size_t i = 0; i < sizeof(type->room) / sizeof(type->room[0]); i++) {
        zero = zero && type->room[i] == 0;
    }
    return zero;
}

static bool is_well_formed(gc_heap *heap, const gc_type *type)
{
    const char *fault = NULL;
    if (type->name == NULL) {
        fault = "it has no name";
    } else if (type->size < sizeof(gc_object)) {
        fault = "its size is less than a gc_object";
    } else if (type->size > PTRDIFF_MAX || type->item_size > PTRDIFF_MAX) {
        fault = "its size is beyond all memory";
    } else if (type->align > GCI_ALIGN_MAX || (type->align & (type->align - 1)) != 0) {
        fault = "its align is not a power of two up to 64";
    } else if (!is_spare_room_zero(type)) {
        fault = "its flags or its spare room are not zero";
    } else if (!fields_are_well_formed(type)) {
        fault = "refs declares a field that does not lie inside, or a tail that is not one of "
                "references";
    }
    if (fault != NULL) {
        gci_panic(heap, "ouro: type %s is malformed: %s", type->name == NULL ? "?" : type->name,
                  fault);
    }
    return fault == NULL;
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

gc_status gc_type_forget(gc_heap *heap, const gc_type *type)
{
    bool alive = heap->pinned > 0 || heap->draining;
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL && !alive;
         page = gci_pages_next(heap, page)) {
        alive = page->type == type && gci_page_used(page) > 0;
    }
    if (alive) {
        heap->last_error = GC_ERR_BUSY;
        return GC_ERR_BUSY;
    }
    gci_pages_drop_idle(heap);
    (void)gci_pages_trim(heap, SIZE_MAX); /* emptied pages may be of the type */
    for (unsigned size_class = 0; size_class <= GCI_CLASS_LARGE; size_class++) {
        struct gci_record *record = gci_object_record(heap, type, size_class);
        if (record != NULL) {
            OURO_ASSERT(record->current == NULL && record->partial == NULL);
            gci_table_remove(&heap->record_table, record->key);
            *record = (struct gci_record){ .next = heap->free_records };
            heap->free_records = record;
        }
    }
    return GC_OK;
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

/* An object from a page with a free slot. */
static inline gc_object *birth(gc_heap *heap, struct gci_page *page, uint32_t flags)
{
    gc_object *self = gci_page_at(page, GCI_FREE_OFFSET(page->free));
    page->free = gci_free_rest(self);
    gci_set_header(self, OURO_REFS_ONE | flags, page->birth);
    heap->young_objects += page->birth >> GCI_YOUNG_SHIFT;
    heap->bytes_live += page->slot_size;
    return zero(self, page->slot_size);
}

static inline bool is_alarm(const gc_heap *heap, size_t slot_size)
{
    return heap->young_objects >= heap->young_alarm ||
           heap->bytes_live + slot_size > heap->bytes_alarm;
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
    if (record == NULL) {
        return NULL;
    }
    struct gci_page *page = gci_pages_with_room(heap, record, slot_size);
    if (page == NULL) {
        return NULL;
    }
    if (page == record->current) {
        /* While the profiler is on, all births have to miss the heap's own cache. */
        struct gci_cache *cache = heap->profile != NULL ? &heap->profile->cache : &heap->cache;
        *(size_class == 0 ? single_place(cache, type) : tailed_place(cache, type, size_class)) =
            page;
    }
    return birth(heap, page, 0);
}

static gc_object *slow_birth(gc_heap *heap, const gc_type *type, unsigned size_class,
                             size_t slot_size)
{
    if (gci_object_record(heap, type, size_class) == NULL && !is_well_formed(heap, type)) {
        heap->last_error = GC_ERR_TYPE;
        return NULL;
    }
    if (heap->closing) {
        heap->last_error = GC_ERR_CLOSING;
        return NULL;
    }
    if (is_alarm(heap, slot_size)) {
        heap->hooks.alarm(heap); /* user code may run here */
    }
    gc_status error;
    gc_object *self = try_birth(heap, type, size_class, slot_size, &error);
    if (self == NULL && heap->hooks.shortage(heap)) { /* user code may run here */
        self = try_birth(heap, type, size_class, slot_size, &error);
    }
    while (self == NULL && heap->config.out_of_memory != NULL &&
           heap->config.out_of_memory(heap, slot_size)) { /* user code may run here */
        self = try_birth(heap, type, size_class, slot_size, &error);
    }
    if (self == NULL) {
        heap->last_error = error;
    }
    return self;
}

/* Whether a birth in a page from a cache needs nothing else. */
static inline bool is_ready(const gc_heap *heap, const struct gci_page *page, const gc_type *type)
{
    return page->type == type && page->free != 0 && !is_alarm(heap, page->slot_size);
}

/* A birth that missed the heap's cache: because it needs more than that, or has to be recorded. */
static gc_object *other_birth(gc_heap *heap, const gc_type *type, unsigned size_class,
                              size_t slot_size, const struct gci_caller *caller)
{
    if (heap->profile == NULL) {
        return slow_birth(heap, type, size_class, slot_size);
    }
    struct gci_cache *cache = &heap->profile->cache;
    struct gci_page *page =
        size_class == 0 ? *single_place(cache, type) : *tailed_place(cache, type, size_class);
    bool ready = is_ready(heap, page, type) && page->slot_size == slot_size;
    gc_object *self = ready ? birth(heap, page, 0) : slow_birth(heap, type, size_class, slot_size);
    if (self != NULL && heap->profile != NULL) {
        heap->hooks.born(heap, self, caller);
    }
    return self;
}

static size_t align_of(const gc_type *type)
{
    return type->align < 8 ? 8 : type->align;
}

static void *refuse(gc_heap *heap, const gc_type *type, const char *why)
{
    gci_panic(heap, "ouro: type %s %s", type->name == NULL ? "?" : type->name, why);
    heap->last_error = GC_ERR_TYPE;
    return NULL;
}

/* gc_new, when the short way is closed. */
static OURO_NOINLINE void *new_slow(gc_heap *heap, const gc_type *type, const char *where,
                                    void *return_address)
{
    if (type->item_size != 0) {
        return refuse(heap, type, "has an item_size: use gc_new_var");
    }
    struct gci_caller caller = { where, return_address };
    size_t size = type->size < GCI_SLOT_MIN ? GCI_SLOT_MIN : type->size;
    return other_birth(heap, type, 0, gci_round_up(size, align_of(type)), &caller);
}

/* Record a birth at another line than the one before. */
static OURO_NOINLINE gc_object *record_elsewhere(gc_heap *heap, gc_object *self, const char *where,
                                                 void *return_address)
{
    struct gci_caller caller = { where, return_address };
    heap->hooks.born(heap, self, &caller);
    return self;
}

/* gc_new while the profiler is on. */
static OURO_NOINLINE void *new_on_record(gc_heap *heap, const gc_type *type, const char *where,
                                         void *return_address)
{
    struct gci_page *page = *single_place(&heap->profile->cache, type);
    if (OURO_UNLIKELY(!is_ready(heap, page, type))) {
        return new_slow(heap, type, where, return_address);
    }
    gc_object *self = birth(heap, page, OURO_REFS_SITE);
    if (OURO_LIKELY(gci_page_record_again(heap->profile, page, self, where))) {
        return self;
    }
    return record_elsewhere(heap, self, where, return_address);
}

void *gc_new_at(gc_heap *heap, const gc_type *type, const char *where)
{
    struct gci_page *page = *single_place(&heap->cache, type);
    if (OURO_LIKELY(is_ready(heap, page, type))) {
        return birth(heap, page, 0);
    }
    return heap->profile != NULL ? new_on_record(heap, type, where, OURO_RETURN_ADDRESS)
                                 : new_slow(heap, type, where, OURO_RETURN_ADDRESS);
}

/* The count of a tail stands at the end of its slot. */
static size_t *count_of(const struct gci_page *page, const gc_object *self)
{
    return (size_t *)(void *)((char *)(uintptr_t)self + page->slot_size - sizeof(size_t));
}

void *gc_new_var_at(gc_heap *heap, const gc_type *type, size_t count, const char *where)
{
    if (type->item_size == 0) {
        return refuse(heap, type, "has no item_size: use gc_new");
    }
    size_t size;
    if (!gci_size_of_array(count, type->item_size, type->size, &size) ||
        size > PTRDIFF_MAX - GCI_SEGMENT_SIZE) {
        heap->last_error = GC_ERR_SIZE;
        return NULL;
    }
    unsigned size_class;
    size = gci_size_class(gci_round_up(size, 8) + sizeof(size_t), align_of(type), &size_class);
    struct gci_caller caller = { where, OURO_RETURN_ADDRESS };
    struct gci_page *page = *tailed_place(&heap->cache, type, size_class);
    bool ready = is_ready(heap, page, type) && page->slot_size == size;
    gc_object *self = OURO_LIKELY(ready) ? birth(heap, page, 0)
                                         : other_birth(heap, type, size_class, size, &caller);
    if (self != NULL) {
        *count_of(gci_page_of(self), self) = count;
    }
    return self;
}

size_t gc_count(const void *object)
{
    const struct gci_page *page = gci_page_of(object);
    return page->type->item_size == 0 ? 0 : *count_of(page, object);
}

const gc_type *gc_type_of(const void *object)
{
    return gci_page_of(object)->type;
}

gc_heap *gc_heap_of(const void *object)
{
    return gci_page_of(object)->heap;
}

/* Death. */

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

static OURO_NOINLINE void clear_buffer(gc_object *self, const gc_field *field)
{
    /* A drop may run anything, which may change items and count: nothing is kept across it. */
    for (;;) {
        uint64_t count = gci_field_count(self, field);
        if (count == 0) {
            return;
        }
        set_field_count(self, field, count - 1);
        char *items;
        memcpy(&items, (char *)self + field->offset, sizeof(items));
        gc_xdecref(gc_slot_take(items + (count - 1) * sizeof(void *))); /* user code may run here */
    }
}

static OURO_NOINLINE void clear_tail(const struct gci_page *page, gc_object *self,
                                     const gc_field *field)
{
    char *items = (char *)self + field->offset;
    for (size_t i = 0, count = *count_of(page, self); i < count; i++) {
        gc_xdecref(gc_slot_take(items + i * sizeof(void *))); /* user code may run here */
    }
}

static inline void clear_declared(const struct gci_page *page, gc_object *self)
{
    for (const gc_field *field = page->fields, *end = field + page->field_count; field < end;
         field++) {
        if (OURO_LIKELY(field->kind == GC_FIELD_REF)) {
            gc_xdecref(gc_slot_take((char *)self + field->offset)); /* user code may run here */
        } else if (field->kind == GC_FIELD_TAIL) {
            clear_tail(page, self, field);
        } else {
            clear_buffer(self, field);
        }
    }
}

void gci_object_clear(const struct gci_page *page, gc_object *self)
{
    if (page->duties & GCI_DUTY_CLEAR) {
        page->type->clear(self); /* user code may run here */
    }
    clear_declared(page, self);
}

void gc_drop_references(void *object)
{
    gci_object_clear(gci_page_of(object), object); /* user code may run here */
}

void gci_object_finalize(const struct gci_page *page, gc_object *self)
{
    if ((page->duties & GCI_DUTY_FINALIZE) && !(self->refs & OURO_REFS_FINALIZED)) {
        self->refs |= OURO_REFS_FINALIZED;
        page->heap->finalized++;
        page->type->finalize(self); /* user code may run here */
    }
}

static inline void free_slot(struct gci_page *page, gc_object *self)
{
    gc_heap *heap = page->heap;
    if (OURO_UNLIKELY(heap->bytes_live > heap->bytes_live_peak)) {
        heap->bytes_live_peak = heap->bytes_live;
    }
    heap->bytes_live -= page->slot_size;
    heap->objects_died++;
    gci_page_push_free(page, self);
    if (OURO_UNLIKELY(GCI_FREE_LENGTH(page->free) == page->notice)) {
        gci_page_noticed(page); /* last: nothing is kept across it */
    }
}

/* A finalizer took a reference: the object is a member of the old again. */
static void resurrect(const struct gci_page *page, gc_object *self)
{
    self->gc = page->birth == GCI_LEAF ? GCI_LEAF : page->heap->old;
    gc_decref(self); /* our own reference; not the last */
}

/* What a type's callbacks have to do with a death. false: the object lives on, or its slot
 * cannot be freed. */
static OURO_NOINLINE bool run_callbacks(struct gci_page *page, gc_object *self)
{
    self->refs = OURO_REFS_ONE | (self->refs & GCI_REFS_FLAGS);
    gci_object_finalize(page, self); /* user code may run here */
    if (gc_refcount(self) > 1) {
        resurrect(page, self);
        return false;
    }
    gci_object_clear(page, self); /* user code may run here */
    if (page->duties & GCI_DUTY_DESTROY) {
        page->type->destroy(self); /* user code may run here */
    }
    if (gc_refcount(self) > 1) {
        /* Its memory stays taken for good: that is safer than what the reference would find
         * later. */
        gci_panic(page->heap, "ouro: %s was kept by its own clear or destroy",
                  gci_page_describe(page, self).text);
        return false;
    }
    return true;
}

static OURO_NOINLINE void panic_dead(const char *operation, gc_object *self)
{
    struct gci_page *page = gci_page_of(self);
    gci_panic(page->heap, "ouro: %s of %s, which %s", operation, gci_page_describe(page, self).text,
              gci_state_of(self) == GCI_DYING
                  ? "is dying: nobody owns a reference to it"
                  : "is dead: a reference to it was dropped twice, or never taken");
}

static inline void enqueue_dying(struct gci_page *page, gc_object *self)
{
    gc_heap *heap = page->heap;
    self->refs =
        GCI_REFS_DEAD | (uint32_t)page->dying << GCI_LINK_SHIFT | (self->refs & GCI_REFS_FLAGS);
    if (page->dying == 0) {
        page->next_dying = heap->dying_pages;
        heap->dying_pages = page;
    }
    page->dying = GCI_LINK(gci_page_offset(self));
}

/* The last reference to an object is dropped: it turns DYING, in no queue yet. false: it is one
 * reference too many. */
static inline bool turn_dying(struct gci_page *page, gc_object *self)
{
    enum gci_state state = gci_state_of(self);
    if (OURO_UNLIKELY(self->refs / OURO_REFS_ONE != 1 || state == GCI_DYING)) {
        panic_dead("gc_decref", self);
        return false;
    }
    page->heap->young_objects -= (unsigned)state >> GCI_YOUNG_SHIFT;
    self->gc = GCI_DYING;
    return true;
}

static inline gc_object *load_field(gc_object *self, const gc_field *field)
{
    gc_object *child;
    memcpy(&child, (char *)self + field->offset, sizeof(child));
    return child;
}

/* Drop the references of a plain object from `field` on, as long as none of them is somebody's last.
 * Returns the field where it stopped; NULL: nowhere. */
static inline const gc_field *drop_shared(const struct gci_page *page, gc_object *self,
                                          const gc_field *field)
{
    for (const gc_field *stop = page->fields + page->field_count; field < stop; field++) {
        gc_object *child = load_field(self, field);
        if (child == NULL) {
            continue;
        }
        uint32_t refs = child->refs - OURO_REFS_ONE;
        if (OURO_LIKELY((int32_t)refs >= (int32_t)OURO_REFS_ONE)) {
            child->refs = refs | OURO_REFS_TOUCHED;
        } else if (!OURO_IS_IMMORTAL(refs)) {
            return field;
        }
    }
    return NULL;
}

static inline void end_slot(struct gci_page *page, gc_object *self)
{
    if (OURO_UNLIKELY(self->refs & OURO_REFS_SITE)) {
        gci_page_unrecord(page, self);
    }
    free_slot(page, self);
}

/* The end of a plain DYING object, whose references from `field` on are still to be dropped, and of
 * the plain ones that die with it, depth first; others join the queue. An object waits for what
 * dies by it only if more does after that: then its scratch count says how far it is, and the field
 * before holds who waits for it in turn. Runs no user code. */
static OURO_NOINLINE void end_plain(struct gci_page *page, gc_object *self, const gc_field *field)
{
    gc_object *waiting = NULL;
    for (;;) {
        gc_object *child = load_field(self, field);
        struct gci_page *child_page = gci_page_of(child);
        bool turned = turn_dying(child_page, child);
        field = drop_shared(page, self, field + 1);
        if (turned && child_page->duties != 0) {
            enqueue_dying(child_page, child);
        } else if (turned) {
            if (field == NULL) {
                end_slot(page, self);
            } else {
                memcpy((char *)self + field[-1].offset, &waiting, sizeof(waiting));
                self->gc = GCI_DYING | (uint32_t)(field - page->fields) << GCI_LINK_SHIFT;
                waiting = self;
            }
            self = child;
            page = child_page;
            field = drop_shared(page, self, page->fields);
        }
        while (field == NULL) {
            end_slot(page, self);
            if (waiting == NULL) {
                return;
            }
            self = waiting;
            page = gci_page_of(self);
            field = page->fields + (self->gc >> GCI_LINK_SHIFT);
            waiting = load_field(self, field - 1);
        }
    }
}

/* The end of a DYING object that is in no queue. */
static void end(struct gci_page *page, gc_object *self)
{
    if (page->duties == 0) {
        const gc_field *field = drop_shared(page, self, page->fields);
        if (field != NULL) {
            end_plain(page, self, field);
            return;
        }
    } else if ((page->duties & ~(GCI_DUTY_TRAVERSE | GCI_DUTY_ARRAYS)) == 0) {
        clear_declared(page, self);
    } else if (!run_callbacks(page, self)) { /* user code may run here */
        return;
    }
    end_slot(page, self);
}

/* Take one from the queue, or return NULL. */
static inline gc_object *dequeue_dying(gc_heap *heap)
{
    struct gci_page *page = heap->dying_pages;
    if (page == NULL) {
        return NULL;
    }
    gc_object *self = gci_page_at(page, GCI_LINK_OFFSET(page->dying));
    page->dying = (uint16_t)(self->refs >> GCI_LINK_SHIFT);
    if (page->dying == 0) {
        heap->dying_pages = page->next_dying;
    }
    return self;
}

void gci_object_drain(gc_heap *heap)
{
    if (heap->draining) {
        return;
    }
    heap->draining = true;
    for (gc_object *self; (self = dequeue_dying(heap)) != NULL;) {
        end(gci_page_of(self), self); /* user code may run here */
    }
    heap->draining = false;
}

void gci_object_end_garbage(struct gci_page *page, uint32_t members)
{
    const gc_field *first = page->fields, *stop = first + page->field_count;
    /* A reference to a free slot is one to garbage that has ended just before. */
    uint32_t gone = members | 1u << GCI_FREE;
    for (size_t offset = page->first, end = gci_page_end(page), size = page->slot_size;
         offset < end; offset += size) {
        gc_object *self = gci_page_at(page, offset);
        if (!gci_is_member(members, self->gc)) {
            continue;
        }
        for (const gc_field *field = first; field < stop; field++) {
            gc_object *child;
            memcpy(&child, (char *)self + field->offset, sizeof(child));
            if (child != NULL && !gci_is_member(gone, child->gc)) {
                gc_decref(child);
            }
        }
        if (OURO_UNLIKELY(self->refs & OURO_REFS_SITE)) {
            gci_page_unrecord(page, self);
        }
        *self = (gc_object){ GCI_REFS_DEAD, GCI_FREE };
    }
}

void gci_object_free_garbage(struct gci_page *page)
{
    gc_heap *heap = page->heap;
    uint32_t count = (uint32_t)page->members - page->marked;
    heap->bytes_live_peak = gci_larger(heap->bytes_live_peak, heap->bytes_live);
    heap->bytes_live -= count * page->slot_size;
    heap->objects_died += count;
    if (gci_page_used(page) == count) {
        gci_page_reset(page);
        return;
    }
    gci_page_sort_free(page);
    if (page->notice > 0 && !page->partial && GCI_FREE_LENGTH(page->free) >= page->notice) {
        gci_page_noticed(page);
    }
}

/* The rest of die_plain, when something dies with the object. */
static OURO_NOINLINE void die_with_others(struct gci_page *page, gc_object *self,
                                          const gc_field *field)
{
    gc_heap *heap = page->heap;
    end_plain(page, self, field);
    gci_object_drain(heap); /* user code may run here */
}

/* The end of a plain object at once: it has nothing to run, so it needs no queue. */
static inline void die_plain(struct gci_page *page, gc_object *self)
{
    page->heap->young_objects -= (unsigned)gci_state_of(self) >> GCI_YOUNG_SHIFT;
    self->gc = GCI_DYING;
    const gc_field *field = drop_shared(page, self, page->fields);
    if (field == NULL) {
        end_slot(page, self);
    } else {
        die_with_others(page, self, field); /* user code may run here */
    }
}

void gc_decref_slow(void *object)
{
    gc_object *self = object;
    struct gci_page *page = gci_page_of(self);
    uint32_t flags = OURO_REFS_TOUCHED | OURO_REFS_FINALIZED | OURO_REFS_SITE;
    if (OURO_LIKELY((self->refs & ~flags) == OURO_REFS_ONE && page->duties == 0)) {
        die_plain(page, self); /* user code may run here */
    } else if (turn_dying(page, self)) {
        gc_heap *heap = page->heap;
        enqueue_dying(page, self);
        gci_object_drain(heap); /* user code may run here */
    }
}

/* The object has its last count, or is immortal by now: it becomes immortal. */
static void saturate(gc_object *self)
{
    self->refs = OURO_REFS_IMMORTAL | (self->refs & GCI_REFS_FLAGS);
}

void gc_incref_slow(void *object)
{
    gc_object *self = object;
    if (GCI_IS_DEAD(self->refs)) {
        panic_dead("gc_incref", self);
    } else {
        saturate(self);
    }
}

void gc_make_immortal(void *object)
{
    gc_object *self = object;
    if (self->refs < OURO_REFS_ONE || GCI_IS_DEAD(self->refs)) {
        panic_dead("gc_make_immortal", self);
    } else {
        saturate(self);
    }
}
