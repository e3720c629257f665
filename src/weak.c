/* SPDX-License-Identifier: MIT */

/* Weak references.
 *
 * An object with weak references has OURO_REFS_WEAK, and a list of its gc_weak in the heap's weak
 * table; objects without any pay nothing. The list begins with the one that has no callback, if
 * there is one, which is shared by all who ask; those with callbacks follow, newest first.
 *
 * Reading asks for the state of the target: what is dying, or doomed and past rescue, gives
 * nothing, so no weak reference ever yields a half-cleared object. When the target ends, its list
 * is taken apart before the first callback runs. References whose callback is due are linked into a
 * ring, in the stack frame of the caller or in the heap. One that is freed before its turn leaves the
 * ring, and one that was found to be garbage itself is skipped. From the moment garbage is past rescue
 * until it is gone no callback runs but those of watchers: the garbage may own the weak reference, and
 * be the argument of its callback, which would take a reference to an object that is freed all the
 * same.
 *
 * The table is a linear hash: with each object that joins, one bucket is split in two, and when
 * three quarters of the buckets are not needed, each that leaves merges a few, so there is no
 * moment at which everything moves. Its chains go through the first weak reference of each list;
 * the only memory it takes is that of the buckets, and when there is none for more of them the
 * chains grow longer. */

#include "weak.h"

#include "hash.h"
#include "memory.h"

static void weak_destroy(gc_object *self);

static const gc_type plain_type = {
    .name = "gc_weak",
    .size = sizeof(struct gc_weak),
    .destroy = weak_destroy,
};

static const gc_field_map no_references = { 0, NULL };

static const gc_type call_type = {
    .name = "gc_weak with callback",
    .size = sizeof(struct gci_weak_call),
    .refs = &no_references,
    .destroy = weak_destroy,
};

/* NULL: it is of those that have no callback. */
static struct gci_weak_call *as_call(gc_weak *weak)
{
    return gci_page_of(weak)->type == &call_type ? (struct gci_weak_call *)weak : NULL;
}

struct gci_weak_call *gci_weak_callable(gc_weak *weak)
{
    struct gci_weak_call *call = as_call(weak);
    return call != NULL && call->callback != NULL ? call : NULL;
}

bool gci_weak_is_of(const struct gci_page *page)
{
    return page->type == &plain_type || page->type == &call_type;
}

/* The table. */

static gc_weak **bucket_at(const struct gci_weak_table *table, size_t index)
{
    return gci_vector_at(&table->heads, sizeof(gc_weak *), index);
}

gc_weak *gci_weak_bucket(const gc_heap *heap, size_t index)
{
    return *bucket_at(&heap->weak_table, index);
}

static size_t index_of(const gc_heap *heap, const gc_object *target)
{
    return gci_hash_bucket(gci_hash_number(heap->config.hash_key, (uintptr_t)target),
                           heap->weak_table.buckets);
}

/* Where the first weak reference to an object is written down, or would be. */
static gc_weak **place_of(const gc_heap *heap, const gc_object *target)
{
    gc_weak **place = bucket_at(&heap->weak_table, index_of(heap, target));
    while (*place != NULL && (*place)->target != target) {
        place = &(*place)->prev;
    }
    return place;
}

gc_weak *gci_weak_first(const gc_heap *heap, const gc_object *target)
{
    return heap->weak_table.buckets == 0 ? NULL : *place_of(heap, target);
}

/* Make sure that there are buckets at all. false: no memory. */
static bool reserve(gc_heap *heap)
{
    struct gci_weak_table *table = &heap->weak_table;
    if (table->buckets == 0 && gci_vector_reserve(heap, &table->heads, sizeof(gc_weak *), 0)) {
        memset(bucket_at(table, 0), 0, GCI_VECTOR_FIRST * sizeof(gc_weak *));
        table->buckets = GCI_VECTOR_FIRST;
    }
    return table->buckets > 0;
}

/* One more bucket, with its share of the one it is split from; or none, for lack of memory. */
static void split(gc_heap *heap)
{
    struct gci_weak_table *table = &heap->weak_table;
    size_t added = table->buckets;
    if (!gci_vector_reserve(heap, &table->heads, sizeof(gc_weak *), added)) {
        return;
    }
    gc_weak **from = bucket_at(table, gci_hash_parent(added));
    gc_weak **to = bucket_at(table, added);
    table->buckets = added + 1;
    while (*from != NULL) {
        if (index_of(heap, (*from)->target) == added) {
            *to = *from;
            *from = (*from)->prev;
            to = &(*to)->prev;
        } else {
            from = &(*from)->prev;
        }
    }
    *to = NULL;
}

/* One bucket fewer, which joins the one that it was split from. */
static void merge(gc_heap *heap)
{
    struct gci_weak_table *table = &heap->weak_table;
    size_t last = --table->buckets;
    gc_weak **place = bucket_at(table, gci_hash_parent(last));
    while (*place != NULL) {
        place = &(*place)->prev;
    }
    *place = *bucket_at(table, last);
    gci_vector_trim(heap, &table->heads, sizeof(gc_weak *), last);
}

void gci_weak_free(gc_heap *heap)
{
    gci_vector_free(heap, &heap->weak_table.heads, sizeof(gc_weak *));
    heap->weak_table = (struct gci_weak_table){ 0 };
}

/* Lists. */

static void link_before(gc_weak **place, gc_weak *weak)
{
    gc_weak *first = *place;
    weak->prev = first->prev;
    weak->next = first;
    first->prev = weak;
    *place = weak;
}

static void link_after(gc_weak *first, gc_weak *weak)
{
    weak->prev = first;
    weak->next = first->next;
    if (first->next != NULL) {
        first->next->prev = weak;
    }
    first->next = weak;
}

static void join_list(gc_heap *heap, gc_weak *weak, gc_object *target)
{
    struct gci_weak_table *table = &heap->weak_table;
    gc_weak **place = place_of(heap, target);
    weak->target = target;
    if (*place == NULL) {
        *place = weak;
        target->refs |= OURO_REFS_WEAK;
        if (++table->count > table->buckets) {
            split(heap);
        }
    } else if (as_call(weak) != NULL && as_call(*place) == NULL) {
        link_after(*place, weak);
    } else {
        link_before(place, weak);
    }
}

static void leave_list(gc_heap *heap, gc_weak *weak)
{
    struct gci_weak_table *table = &heap->weak_table;
    gc_weak **place = place_of(heap, weak->target);
    gc_weak *next = weak->next;
    if (next != NULL) {
        next->prev = weak->prev; /* of the first: the way on in its bucket */
    }
    if (*place != weak) {
        weak->prev->next = next;
    } else if (next != NULL) {
        *place = next;
    } else {
        *place = weak->prev;
        weak->target->refs &= ~(uint32_t)OURO_REFS_WEAK;
        table->count--;
        while (table->buckets > GCI_VECTOR_FIRST &&
               table->buckets / 4 > table->count) { /* WEAK-4 */
            merge(heap);
        }
    }
    weak->target = NULL;
    weak->next = weak->prev = weak; /* a ring of its own */
}

/* Rings of what is due. */

void gci_weak_due_init(gc_weak *due)
{
    due->next = due->prev = due;
}

static void join_due(gc_weak *due, gc_weak *weak)
{
    weak->next = due;
    weak->prev = due->prev;
    due->prev->next = weak;
    due->prev = weak;
}

void gci_weak_move_due(gc_weak *from, gc_weak *to)
{
    if (from->next != from) {
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        gci_weak_due_init(from);
    }
}

static void leave_due(gc_weak *weak)
{
    weak->prev->next = weak->next;
    weak->next->prev = weak->prev;
    weak->next = weak->prev = weak;
}

/* Take a weak reference out of wherever it is. It will not call back. */
static void detach(gc_weak *weak)
{
    struct gci_weak_call *call = gci_weak_callable(weak);
    if (weak->target != NULL) {
        leave_list(gci_page_of(weak)->heap, weak);
    } else if (call != NULL) {
        leave_due(weak);
    }
    if (call != NULL) {
        call->callback = NULL;
    }
}

static void weak_destroy(gc_object *self)
{
    detach((gc_weak *)(void *)self);
}

/* Making. */

/* The weak reference to an object that has no callback, new; NULL: there is none. One that is dying
 * already makes room for another. */
static gc_weak *share_plain(const gc_heap *heap, const gc_object *target)
{
    gc_weak *weak = target->refs & OURO_REFS_WEAK ? gci_weak_first(heap, target) : NULL;
    if (weak == NULL || as_call(weak) != NULL) {
        return NULL;
    }
    if (gci_state_of(&weak->object) == GCI_DYING) {
        detach(weak);
        return NULL;
    }
    gc_incref(weak);
    return weak;
}

static gc_weak *make(gc_object *target, const gc_type *type, const char *where)
{
    struct gci_page *page = gci_page_of(target);
    gc_heap *heap = page->heap;
    if (GCI_IS_DEAD(target->refs)) {
        gci_panic(heap, "ouro: a weak reference to %s, which is dead",
                  gci_page_describe(page, target).text);
        return NULL;
    }
    gc_weak *weak = gc_new_at(heap, type, where); /* user code may run here */
    if (weak != NULL && !reserve(heap)) {
        gc_decref(weak);
        heap->last_error = GC_ERR_NOMEM;
        return NULL;
    }
    return weak;
}

static gc_weak *make_plain(gc_object *target, const char *where)
{
    gc_heap *heap = gci_page_of(target)->heap;
    gc_weak *weak = share_plain(heap, target);
    if (weak != NULL) {
        return weak;
    }
    weak = make(target, &plain_type, where); /* user code may run here */
    if (weak == NULL) {
        return NULL;
    }
    gc_weak *shared = share_plain(heap, target); /* made by that user code */
    if (shared != NULL) {
        gc_decref(weak);
        return shared;
    }
    join_list(heap, weak, target);
    return weak;
}

static struct gci_weak_call *make_call(gc_object *target, gc_weak_fn callback, void *arg,
                                       const char *where)
{
    gc_weak *weak = make(target, &call_type, where); /* user code may run here */
    struct gci_weak_call *call = (struct gci_weak_call *)weak;
    if (call != NULL) {
        call->callback = callback;
        call->arg = arg;
        join_list(gci_page_of(target)->heap, weak, target);
    }
    return call;
}

gc_weak *gc_weak_new_at(void *object, gc_weak_fn callback, void *arg, const char *where)
{
    return callback == NULL ? make_plain(object, where)
                            : (gc_weak *)make_call(object, callback, arg, where);
}

/* Using. */

/* Whether nobody gets a reference to an object any more. Callbacks may still rescue doomed objects
 * before they are past rescue; the program between two slices may not: it would be left with an object
 * that is finalized, and does not know. */
static bool is_past_rescue(const gc_heap *heap, const gc_object *self)
{
    enum gci_state state = gci_state_of(self);
    return state == GCI_DYING || GCI_IS_DEAD(self->refs) ||
           (state == GCI_DOOMED && (heap->past_rescue || heap->busy == 0));
}

bool gc_try_incref(void *object)
{
    if (is_past_rescue(gci_page_of(object)->heap, object)) {
        return false;
    }
    gc_incref(object);
    return true;
}

void *gc_weak_get(gc_weak *weak)
{
    return weak->target != NULL && gc_try_incref(weak->target) ? weak->target : NULL;
}

/* Watchers. */

gc_weak *gc_watch_at(void *object, gc_weak_fn callback, void *arg, const char *where)
{
    struct gci_page *page = gci_page_of(object);
    gc_heap *heap = page->heap;
    if (callback == NULL) {
        gci_panic(heap, "ouro: gc_watch of %s without a callback",
                  gci_page_describe(page, object).text);
        return NULL;
    }
    struct gci_weak_call *call = make_call(object, callback, arg, where);
    if (call == NULL) {
        return NULL;
    }
    gc_incref(call); /* the heap's own reference */
    call->older = heap->watchers;
    call->place = &heap->watchers;
    if (call->older != NULL) {
        call->older->place = &call->older;
    }
    heap->watchers = call;
    return &call->weak;
}

/* A watcher is none any more. The heap's reference is the caller's to drop. */
static void leave_watchers(struct gci_weak_call *call)
{
    *call->place = call->older;
    if (call->older != NULL) {
        call->older->place = call->place;
    }
    call->older = NULL;
    call->place = NULL;
}

bool gc_unwatch(gc_weak *weak)
{
    struct gci_weak_call *call = as_call(weak);
    if (call == NULL || call->place == NULL) {
        return false;
    }
    detach(weak);
    leave_watchers(call);
    gc_decref(weak); /* not the last one: the caller has his */
    return true;
}

/* Ending. */

/* Whether a weak reference is garbage, or dying. */
static bool is_garbage(const gc_weak *weak)
{
    const uint32_t states =
        1u << GCI_DYING | 1u << GCI_DOOMED | 1u << GCI_DOOMED_OLD | 1u << GCI_DOOMED_YOUNG;
    return gci_is_member(states, weak->object.gc);
}

/* The ring for a weak reference that is to be called. The heap owns a watcher, so no garbage does. */
static gc_weak *ring_for(gc_heap *heap, const struct gci_weak_call *call, gc_weak *due)
{
    return heap->past_rescue && call->place == NULL ? &heap->held_back : due;
}

static void end_one(gc_heap *heap, gc_weak *weak, gc_weak *due)
{
    const struct gci_weak_call *call = as_call(weak);
    if (call == NULL || is_garbage(weak)) {
        detach(weak);
        return;
    }
    leave_list(heap, weak);
    join_due(ring_for(heap, call, due), weak);
}

void gci_weak_end(gc_object *target, enum gci_weak_which which, gc_weak *due)
{
    gc_heap *heap = gci_page_of(target)->heap;
    gc_weak *next = gci_weak_first(heap, target);
    while (next != NULL) {
        gc_weak *weak = next;
        next = weak->next;
        const struct gci_weak_call *call = as_call(weak);
        if (which == GCI_WEAK_ALL || (call != NULL && call->place == NULL && !is_garbage(weak))) {
            end_one(heap, weak, due);
        }
    }
}

/* Call one that is in no list any more. */
static void call_back(struct gci_weak_call *call)
{
    gc_weak_fn callback = call->callback;
    call->callback = NULL;
    if (call->place != NULL) {
        leave_watchers(call);
    } else {
        gc_incref(call);
    }
    gc_heap *heap = gci_page_of(call)->heap;
    struct gci_callback outer = gci_callback_begin(heap, "the callback of a weak reference", NULL);
    heap->weak_calls++;
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): WEAK-3, it has one */
    callback(&call->weak, call->arg); /* user code may run here */
    heap->weak_calls--;
    gci_callback_end(heap, outer);
    gc_decref(call); /* user code may run here */
}

/* Call the first that is due, unless it is garbage or has to wait. Returns whether it was called. */
static bool call_first(gc_weak *due)
{
    struct gci_weak_call *call = (struct gci_weak_call *)due->next;
    if (is_garbage(&call->weak)) {
        detach(&call->weak);
        return false;
    }
    leave_due(&call->weak);
    gc_weak *ring = ring_for(gci_page_of(call)->heap, call, due);
    if (ring != due) { /* an earlier callback has run slices, which found garbage */
        join_due(ring, &call->weak);
        return false;
    }
    call_back(call); /* user code may run here */
    return true;
}

size_t gci_weak_call(gc_weak *due)
{
    size_t called = 0;
    while (due->next != due) {
        called += call_first(due); /* user code may run here */
    }
    return called;
}

void gci_weak_forget(const struct gci_page *page, gc_object *self)
{
    gc_weak *weak = (gc_weak *)(void *)self;
    if (gci_weak_is_of(page) && weak->target == NULL) {
        detach(weak);
    }
}

bool gci_weak_call_due(gc_heap *heap, uint64_t deadline)
{
    while (gci_weak_is_due(heap)) {
        (void)call_first(&heap->due); /* user code may run here */
        if (gci_sys_clock_ns() >= deadline) {
            break;
        }
    }
    return !gci_weak_is_due(heap);
}

void gci_weak_die(gc_object *target)
{
    gc_heap *heap = gci_page_of(target)->heap;
    if (heap->slicing) {
        gci_weak_end(target, GCI_WEAK_ALL, &heap->due);
        (void)gci_weak_call_due(heap, heap->slice_end_ns); /* user code may run here */
        return;
    }
    gc_weak due;
    gci_weak_due_init(&due);
    gci_weak_end(target, GCI_WEAK_ALL, &due);
    (void)gci_weak_call(&due); /* user code may run here */
}

void gci_weak_call_watchers(gc_heap *heap)
{
    heap->last_watchers = heap->watchers;
    heap->watchers = NULL;
    if (heap->last_watchers != NULL) {
        heap->last_watchers->place = &heap->last_watchers;
    }
    while (heap->last_watchers != NULL) {
        struct gci_weak_call *call = heap->last_watchers;
        if (call->weak.target != NULL) {
            leave_list(heap, &call->weak);
        } else {
            leave_due(&call->weak); /* a slice would have called it */
        }
        call_back(call); /* user code may run here */
    }
}

void gci_weak_end_all(gc_heap *heap)
{
    /* From the last on, since buckets go and what is in them joins one before. */
    for (size_t i = heap->weak_table.buckets; i-- > 0;) {
        while (i < heap->weak_table.buckets && gci_weak_bucket(heap, i) != NULL) {
            detach(gci_weak_bucket(heap, i));
        }
    }
}
