/* SPDX-License-Identifier: MIT */
#ifndef OURO_H
#define OURO_H

/* (1) ouro: Python's object memory as a C library
 * ===============================================
 *
 * Objects are reference counted and freed the moment their count reaches zero. Reference cycles,
 * which counting cannot free, are found and freed by a generational cycle collector. Everything
 * belongs to a gc_heap: a program may have many, there is no global state.
 *
 *     struct node { gc_object object; struct node *next; };
 *
 *     static const gc_type node_type = {
 *         .name = "node", .size = sizeof(struct node), .refs = OURO_REFS(struct node, next),
 *     };
 *
 *     gc_heap *heap = gc_heap_new(NULL);
 *     struct node *a = gc_new(heap, &node_type);      one reference, and it is yours
 *     struct node *b = gc_new(heap, &node_type);
 *     gc_set(&a->next, b);                            a counts a reference to b
 *     gc_set(&b->next, a);                            a reference cycle
 *     gc_decref(a);
 *     gc_decref(b);                                   both unreachable, both still counted
 *     gc_collect(heap);                               returns 2
 *     gc_heap_free(heap);
 *
 * This file has three parts.
 *
 *     Core       sections 1 to 8: what every program needs, then what surprises people (Caveats)
 *     Tools      sections 9 to 15: configuration, statistics, profiler, generators, weak maps ...
 *     Machinery  below "End of the interface": what macros and inline functions are made of
 *
 * How to read the comments.
 * - "Returns" says new (the caller owns a reference and drops it) or borrowed (valid while somebody
 *   else holds a reference). "Runs" says which code of yours can run before the call returns.
 *   "Errors" and "Cost" follow where they matter.
 * - Unless a function says otherwise it takes no ownership, runs none of your code, cannot fail,
 *   costs a constant, and its arguments may not be NULL. Sizes are bytes.
 * - One thread at a time uses a heap and its objects. It need not always be the same thread.
 *   Different heaps are independent.
 * - A *container* is an object of a type that has references, a *leaf* one of a type that has none.
 *   The collector examines containers only. *Garbage* is a container that is unreachable.
 * - `void *` in a parameter list stands for a pointer to any struct that begins with a gc_object.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* (2) Version and attributes
 * ========================== */

#define OURO_VERSION       "0.1.0"
#define OURO_VERSION_MAJOR 0
#define OURO_VERSION_MINOR 1
#define OURO_VERSION_PATCH 0

/* Ownership, for readers and for tools. These expand to nothing. */
#define OURO_NEW      /* returns a new reference */
#define OURO_BORROWED /* returns a borrowed reference */
#define OURO_STEALS   /* this parameter's reference becomes the callee's */

#if defined(__has_attribute)
#define OURO_HAS_ATTRIBUTE(name) __has_attribute(name)
#else
#define OURO_HAS_ATTRIBUTE(name) 0
#endif
#if OURO_HAS_ATTRIBUTE(visibility)
#define OURO_API __attribute__((visibility("default")))
#else
#define OURO_API
#endif
#if OURO_HAS_ATTRIBUTE(aligned)
#define OURO_ALIGNED __attribute__((aligned(8)))
#else
#define OURO_ALIGNED
#endif
#if OURO_HAS_ATTRIBUTE(nonnull)
#define OURO_NONNULL __attribute__((nonnull))
#else
#define OURO_NONNULL
#endif
#if OURO_HAS_ATTRIBUTE(warn_unused_result)
#define OURO_MUST_USE __attribute__((warn_unused_result))
#else
#define OURO_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gc_heap gc_heap;
typedef struct gc_config gc_config;
typedef struct gc_type gc_type;
typedef struct gc_field_map gc_field_map;
typedef struct gc_visitor gc_visitor;
typedef struct gc_weak gc_weak;
typedef struct gc_weak_map gc_weak_map;

/* A callback for each object. Returns 0 to continue. Any other value stops the visit and becomes
 * the result of the call that visits. */
typedef int (*gc_object_fn)(void *object, void *arg);

/* (3) Errors
 * ==========
 * A call that fails returns NULL, false or a status, and leaves everything as it was. The numbers
 * are never reused. Wrong programs (a reference dropped twice, a malformed type) are not told by a
 * status: they are a *panic*, see gc_config.panic.
 *
 *     code            cause                                   remedy
 *     GC_OK           nothing failed                          -
 *     GC_ERR_NOMEM    the page source gave no memory          drop objects, trim other heaps
 *     GC_ERR_LIMIT    the object does not fit limit_bytes     drop objects
 *     GC_ERR_SIZE     size and tail overflow                  ask for less
 *     GC_ERR_BUSY     objects of the type are alive           drop them first
 *     GC_ERR_CLOSING  the heap is being freed                 do not allocate in destroy
 *     GC_ERR_RANGE    a number is out of its range            see the call
 *     GC_ERR_TYPE     the gc_type is malformed, or not of     mend the declaration; the panic
 *                     the kind that the call needs            hook was told why
 *     GC_ERR_RUNNING  the generator is busy                   see section Generators
 *     GC_ERR_SHARED   others hold the object as well          drop their references first
 */
typedef enum gc_status {
    GC_OK = 0,
    GC_ERR_NOMEM = -1,
    GC_ERR_LIMIT = -2,
    GC_ERR_SIZE = -3,
    GC_ERR_BUSY = -4,
    GC_ERR_CLOSING = -5,
    GC_ERR_TYPE = -6,
    GC_ERR_RANGE = -7,
    GC_ERR_RUNNING = -8,
    GC_ERR_SHARED = -9,
} gc_status;

/* Describe a status in a short English text. Returns a static string, never NULL. */
OURO_API const char *gc_status_text(gc_status status);

/* Return the status of the heap's last call that failed. Calls that succeed do not change it. */
OURO_API gc_status gc_last_error(const gc_heap *heap) OURO_NONNULL;

/* Set what gc_last_error returns: to GC_OK before calls that are to be watched, or to the status of
 * a function of yours that fails as ouro's functions do. */
OURO_API void gc_set_error(gc_heap *heap, gc_status status) OURO_NONNULL;

/* (4) Types
 * =========
 * A gc_type says how large an object is and where it keeps the references it owns. Declare it const
 * and static; heaps may share it. It must outlive its objects, and stay unchanged while there are
 * any. Zero is the default of every field.
 *
 * A type's address may be used again for another type once the objects of the first are gone. When
 * a module with types is unloaded, call gc_type_forget for each type before: an inlined gc_new
 * recognizes a type by its address, size, alignment, and whether it has references.
 *
 * Callbacks: when they run, in which order, and which references are still there.
 *
 *     callback       at count zero            in a collection            self
 *     weak callback  after finalize, unless   first; of weak references  whole; gc_weak_get
 *                    that resurrects          made by finalizers, after  gives NULL
 *                                             the finalizers
 *     finalize       first                    after the weak callbacks   whole
 *     watcher        with the weak callbacks  after the finalizers, if   whole
 *                                             not resurrected
 *     clear          after these              after these, of each       whole, but for what
 *                                             object in turn             other clears dropped
 *     refs           dropped after clear      dropped after clear        its declared fields NULL
 *     destroy        last                     when the clears bring the  no references; fields
 *                                             count to zero              that are not are there
 *
 * The order in which two objects end is not promised. By count, an owner is destroyed before the
 * objects that it alone owns, because those wait in the queue of dying objects; in a collection its
 * clear lets them die first. The queue is chained through the dead objects, so it needs no memory.
 * Objects in it, such as the items of a tuple, are destroyed page by page, and within a page the
 * last dropped first.
 *
 * Callbacks return. Only config.panic and config.out_of_memory may be left by longjmp or by a C++
 * exception. After another callback was left, the next call that notices is a panic with its name.
 * (A call notices if it is in the same thread and from no deeper in the stack.) If a finalize,
 * clear or destroy that was left ran for a death by count, it is given up: the object stays, dying,
 * and the heap works as before. In all other cases nothing is collected or destroyed any more. For
 * this reason a callback may not switch to another stack of the same thread, such as a coroutine's,
 * if that uses the heap before the callback returns.
 *
 * Every call of ouro keeps errno, whatever callbacks do to it.
 */

/* The head of every object: put it first in your struct, and do not touch its fields. */
typedef struct OURO_ALIGNED gc_object {
    uint32_t refs; /* (count - 1) << 4 | flags: negative as an int32_t after the last decref */
    uint32_t gc;   /* the collector's word */
} gc_object;

/* Declare where the references are. Tracing, clearing and the decrefs at death follow from it.
 *
 *     up to 16 single references
 *         .refs = OURO_REFS(struct node, left, right)
 *     a list of single references, the tail of gc_new_var (its item_size is that of a pointer), and
 *     buffers, which are two fields, `T **items; <unsigned> count;`
 *         .refs = OURO_FIELDS(OURO_REF(struct tuple, owner),
 *                             OURO_TAIL(struct tuple, items),
 *                             OURO_BUFFER(struct list, items, count))
 *
 * A reference may be NULL, in tails and buffers too. Fields may be members of members
 * (`queue.items`). A buffer belongs to you: ouro reads items[0..count). When the object is cleared
 * or dies, ouro takes the items out from the end, counting `count` down. Free the array in
 * `destroy`. A count is an unsigned integer of 1, 2, 4 or 8 bytes.
 *
 * These are expressions for C at file scope. In C++ name the map with OURO_DECLARE_REFS and fill in
 * the type at start-up:
 *
 *     OURO_DECLARE_REFS(node_refs, OURO_REF(node, left), OURO_REF(node, right));
 *     static const gc_type node_type = [] {
 *         gc_type type = {};
 *         type.name = "node"; type.size = sizeof(node); type.refs = &node_refs;
 *         return type;
 *     }();
 */
#define OURO_REFS(type, ...) OURO_FIELDS(OURO_MAP(type, __VA_ARGS__))

struct gc_type {
    const char *name; /* for messages and reports; must not be NULL */
    size_t size;      /* sizeof your struct, without the tail */
    size_t item_size; /* bytes of one item of the tail, made by gc_new_var. Default 0: no tail */
    size_t align;     /* a power of two up to 64. Default 0: 8 */

    /* The references that the object owns, as declared by OURO_REFS or OURO_FIELDS. A reference is
     * declared here or visited by traverse, never both. Objects of a type with neither are leaves:
     * no collection examines a leaf, it dies by count. */
    const gc_field_map *refs;

    /* Call gc_visit once for each owned reference that refs does not declare. References to leaves
     * may be left out, because a leaf is in no reference cycle; gc_referents does not show them
     * then. traverse may run at any time after gc_new, so it must bear zeroed fields. It may not
     * create, drop, count or change anything, and may call nothing of ouro but gc_visit. */
    void (*traverse)(gc_object *self, gc_visitor *visitor);

    /* Drop the references that traverse visits, by gc_clear. It runs at every death, by count or in
     * a collection, before destroy; in a collection it breaks the reference cycles. The references
     * that refs declares are dropped right after it. May do everything but keep self, and may be
     * called again.
     * A type with traverse and without clear drops its references in destroy, and relies on the
     * other objects of a reference cycle to break it. A reference cycle of such types alone is
     * uncollectable. Garbage that it reaches is cleared all the same: the uncollectable objects
     * live on beside emptied neighbours. */
    void (*clear)(gc_object *self);

    /* Called once in an object's life, before it dies, while the object and all it refers to are
     * whole, as __del__ (PEP 442). May do everything: allocate, drop references, collect, and
     * resurrect self by keeping a new reference to it. A resurrected object lives on, old, and dies
     * without this call the next time. If the count has reached zero, weak references to self read
     * NULL in it; in a collection those without callback still read self. */
    void (*finalize)(gc_object *self);

    /* Release buffers, files, external bytes: everything that is not an object. Called for every
     * object that dies, after clear, and after the references that refs declares were dropped:
     * those fields are NULL, all others are unchanged. May do everything but keep self: self is
     * gone when destroy returns. gc_heap_of, gc_type_of and gc_tail_length still work on self.
     * A table that points to objects without counting them, such as an intern table, still has
     * self until destroy removes it: take references out of it by gc_try_incref, which fails for an
     * object that is dying. */
    void (*destroy)(gc_object *self);

    unsigned flags;    /* must be 0 */
    uintptr_t room[5]; /* must be 0 */
};

/* Report a reference to a type's traverse. NULL is allowed. */
static inline void gc_visit(gc_visitor *visitor, void *child);

/* Return the type, or the heap, of a live object. */
OURO_API const gc_type *gc_type_of(const void *object) OURO_NONNULL;
OURO_API gc_heap *gc_heap_of(const void *object) OURO_NONNULL;

/* Return whether objects of its type have references, as gc.is_tracked: false for a leaf. */
OURO_API bool gc_is_container(const void *object) OURO_NONNULL;

/* Make the heap forget a type, before the module that holds the type is unloaded. Its pages are
 * reused, and what the heap knows about it is freed when nothing else is in the same 16 KiB.
 * Runs    finalizers and callbacks of garbage that an unfinished incremental collection has already
 *         found.
 * Errors  GC_ERR_BUSY while an object of the type is alive or dying, and inside callbacks.
 * Cost    a walk over all pages and types. */
OURO_API gc_status gc_type_forget(gc_heap *heap, const gc_type *type) OURO_NONNULL;

/* (5) Heaps
 * ========= */

/* Make a heap. `config` is copied; NULL: the defaults, see section Configuration.
 * Returns  the heap, or NULL: no memory, or a page_source with only one of its two functions. */
OURO_API OURO_MUST_USE gc_heap *gc_heap_new(const gc_config *config);

/* Free a heap and every object in it, whatever their counts. NULL is allowed. In this order:
 *     1. watchers run, the latest first; then the watchers that they have registered, in which
 *        births fail with GC_ERR_CLOSING
 *     2. garbage that an unfinished incremental collection has found is disposed of; then comes a
 *        full collection: hooks, weak callbacks, finalize, watchers, clear and destroy of garbage
 *     3. with report_leaks, a message for each type with objects left; immortal objects are not
 *        leaks
 *     4. finalize of all objects, which may allocate and register watchers
 *     5. births fail with GC_ERR_CLOSING from here on; watchers registered in step 4, and finalize
 *        of the objects that were born in it
 *     6. all weak references read NULL, and do not call back
 *     7. clear of all objects; those whose count reaches zero by that are destroyed
 *     8. destroy of all other objects; then the memory is returned
 * Runs  all these, message and panic. Calling it from any of them is a panic. */
OURO_API void gc_heap_free(gc_heap *heap);

/* Return the user_data of the configuration. */
OURO_API void *gc_heap_user_data(const gc_heap *heap) OURO_NONNULL;

/* Return empty pages to the system now, without waiting for gc_config.purge_ns: whole segments of
 * 4 MiB to the page source; and the memory behind single pages of other segments, if it came from
 * the system. Inside callbacks that a collection or a search calls it does nothing.
 * Returns  the bytes given back, of both kinds.
 * Runs     finalizers and callbacks of garbage that an unfinished incremental collection has
 *          already found.
 * Cost     the number of types, segments and empty pages; one system call for up to 16 neighbouring
 *          pages. */
OURO_API size_t gc_heap_trim(gc_heap *heap) OURO_NONNULL;

/* Account for bytes that live outside the heap because of its objects: buffers, pixels. They count
 * for the thresholds, and for limit_bytes. Adding cannot fail, but births fail while the limit is
 * exceeded. Removing more than was added is a panic. */
OURO_API void gc_external_add(gc_heap *heap, size_t bytes) OURO_NONNULL;
OURO_API void gc_external_remove(gc_heap *heap, size_t bytes) OURO_NONNULL;

/* (6) Objects and references
 * ==========================
 * Keep a pointer to an object only together with a counted reference. The slot macros gc_set,
 * gc_clear ... do it right: they write the slot before they drop the old reference, because a drop
 * can run any finalizer.
 */

/* Name the place of a call: "file.c:12", a constant string that the profiler reads. A function of
 * yours that makes objects for others takes it as a parameter `where` and passes it to
 * gc_new_at. */
#define OURO_HERE __FILE__ ":" OURO_TEXT(__LINE__)

/* Make an object, zeroed, with one reference.
 * Returns  new, or NULL with gc_last_error: memory or limit is short, and neither a full collection
 *          nor out_of_memory has helped. (At GC_AT_SAFEPOINT no collection is tried.) Everything is
 *          as it was.
 * Errors   a malformed type, or a type with item_size, is a panic, then NULL.
 * Runs     at GC_AT_ALLOCATION a collection, with all that may run in it, before the object exists.
 *          In any case out_of_memory. */
#define gc_new(heap, type) ouro_new((heap), (type), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW void *gc_new_at(gc_heap *heap, const gc_type *type,
                                                const char *where) OURO_NONNULL;

/* Make an object with a tail of `count` items of type->item_size bytes each, zeroed. The tail is
 * the struct's flexible array member. It starts at type->size, which then is offsetof(struct,
 * items).
 * Returns and runs what gc_new does.
 * Errors   GC_ERR_SIZE if the size overflows, before anything else happens. A type without
 *          item_size is a panic, then NULL. */
#define gc_new_var(heap, type, count) gc_new_var_at((heap), (type), (count), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW void *gc_new_var_at(gc_heap *heap, const gc_type *type,
                                                    size_t count, const char *where) OURO_NONNULL;

/* Return the number of items in an object's tail; 0 for an object without. */
OURO_API size_t gc_tail_length(const void *object) OURO_NONNULL;

/* Give the object in a slot a tail of `count` items, as _PyBytes_Resize, PyObject_GC_Resize. The
 * object may move; then the slot holds its new address, and the object is young. New items are
 * zeroed. Items beyond `count` are removed; their references are dropped if refs declares the tail.
 * Only the slot may hold the object, strongly or weakly, because another holder would be left with
 * the old address.
 * Takes    nothing: before and after, the slot owns the one reference. The slot must be yours
 *          during the call, and in no object that a collection may free.
 * Returns  GC_OK, or the error; then everything is as it was.
 * Errors   GC_ERR_SHARED: others hold the object, before or after user code has run, or it is dying
 *          or immortal. A type without item_size is a panic, then GC_ERR_TYPE. Growing fails as
 *          gc_new_var does. Shrinking does not fail for lack of memory: then the object does not
 *          move.
 * Runs     what gc_new_var runs; if it shrinks, first what dropping the references runs.
 * Cost     moving copies the object. The profiler records it as made here. */
#define gc_resize_var(slot, count) gc_resize_var_at(OURO_SLOT(slot), (count), OURO_HERE)
OURO_API gc_status gc_resize_var_at(void *slot, size_t count, const char *where) OURO_NONNULL;

/* Take one more reference. After 2^27 references an object becomes immortal instead. A dead object
 * is a panic. gc_xincref also takes NULL, and does nothing then. */
static inline void gc_incref(void *object);
static inline void gc_xincref(void *object);

/* Drop a reference. The last one ends the object at once: finalize, clear, its references dropped,
 * destroy, memory freed. Objects that die by it die in a queue, without recursion. An object that
 * dies inside one of your callbacks waits for that queue. gc_config.destroy_ns bounds the time. A
 * dead object is a panic. gc_xdecref also takes NULL, and does nothing then.
 * Runs  finalize, clear, destroy of every object that dies, callbacks of weak references to it. */
static inline void gc_decref(void *object);
static inline void gc_xdecref(void *object);

/* The slot macros. `slot` is the address of a pointer of any object type, and is evaluated once.
 * Any other argument does not compile. They read and write the pointer as bytes, so no aliasing
 * rule is broken. */

/* Empty the slot, then drop the reference that it held.  Runs  as gc_xdecref. */
#define gc_clear(slot) ouro_slot_clear(OURO_SLOT(slot))

/* Exchange the contents of two slots. Counts nothing. */
#define gc_swap(slot, other) ouro_slot_swap(OURO_SLOT(slot), OURO_SLOT(other))

/* In C++ templates of the same names, which check that `object` is of the slot's type, and return
 * that type. */
#ifndef __cplusplus
/* Put an object, or NULL, into the slot with a new reference. Then drop the reference that the slot
 * held before.  Runs  as gc_xdecref. */
#define gc_set(slot, object) ouro_slot_set(OURO_SLOT(slot), (object))

/* Put an object, or NULL, into the slot. Takes over the caller's reference to it. Then drop the
 * reference that the slot held before.  Runs  as gc_xdecref. */
#define gc_set_steal(slot, object) ouro_slot_set_steal(OURO_SLOT(slot), (object))

/* Empty the slot. Returns the object that it held, or NULL; the reference is the caller's now. */
#define gc_take(slot) ouro_slot_take(OURO_SLOT(slot))

/* Take one more reference. Returns the object itself. */
#define gc_newref(object) ouro_newref(object)
#endif

/* Declare a local variable that owns its reference, and drops it when its scope is left in any way.
 *
 *     OURO_AUTO struct node *node = gc_new(heap, &node_type);
 *     ...
 *     return gc_take(&node);      hands it on instead
 *
 * Only with gcc and clang; elsewhere it is not defined. Initialize the variable in its declaration,
 * at least with NULL. Several are dropped in reverse order, which runs what dropping runs. `return
 * node` returns an object that has just been dropped. longjmp, exit and the end of a thread drop
 * nothing. It may not span a yield of a generator. */
#if OURO_HAS_ATTRIBUTE(cleanup)
#define OURO_AUTO __attribute__((cleanup(ouro_slot_clear)))
#endif

/* Return the number of references to an object, as sys.getrefcount without its own argument. For an
 * immortal object the number is above 2^27. */
static inline size_t gc_refcount(const void *object);

/* Return whether the caller's reference is the only one, so that nobody else can notice if the
 * object is changed in place. Weak references do not count. */
static inline bool gc_is_unique(const void *object);

/* Take one more reference, unless the object is dying or a collection is about to clear it: what
 * gc_weak_get does, for a pointer of your own that is not counted and that destroy removes. The
 * object's memory must be there: its destroy has not returned yet.
 * Returns  whether the caller has a reference now. */
OURO_API OURO_MUST_USE bool gc_try_incref(void *object) OURO_NONNULL;

/* Let an object live until its heap is freed: counting stops, and the object always counts as
 * referenced from outside. */
OURO_API void gc_make_immortal(void *object) OURO_NONNULL;

/* Return whether an object is immortal, by gc_make_immortal or by 2^27 references. */
static inline bool gc_is_immortal(const void *object);

/* Drop all references that an object holds, now: call its type's clear, then drop the references
 * that refs declares. The object lives on, empty. Not for a generator: close that.
 * Runs  clear, and what dropping runs. The caller holds a reference meanwhile. */
OURO_API void gc_drop_references(void *object) OURO_NONNULL;

/* (7) Collecting
 * ==============
 * There are two generations: 0, the young, and 1, the old. Containers are born young. The survivors
 * of a collection are old; survivors of an automatic young collection stay young if they are very
 * few. Collections start by themselves when a threshold is passed, unless disabled. Inside a
 * collection, and inside gc_unreachable, another collection does nothing.
 *
 * The old generation is collected incrementally, in short slices between which the program runs, so
 * that pauses do not grow with the heap. An incremental collection finds everything that was
 * garbage when it began. Disposing of that may take further slices: the objects wait, dying.
 * gc_collect and the calls of section Inspection need a heap at rest. They first abandon an
 * incremental collection that is in progress, which costs a walk over all containers, and finish
 * disposing of the garbage that it has found, running whatever finalizers and callbacks that takes.
 * Called from inside a callback they leave the disposal for later; so does gc_check.
 */

/* Collect all garbage now, as gc.collect.
 * Returns  the number of containers freed, plus the uncollectable. Leaves and resurrected objects
 *          do not count.
 * Runs     callbacks of weak references to garbage, finalize of all of it, watchers, then clear and
 *          destroy.
 * Errors   none. While a collection is running it does nothing and returns 0.
 * Cost     two passes over the containers and their references. It allocates nothing. */
OURO_API size_t gc_collect(gc_heap *heap) OURO_NONNULL;

/* Collect generation 0 (the young; the survivors are old) or 1 (all objects). A young object with
 * more than 8192 references in declared arrays becomes old without being examined, because that
 * would take long.
 * Returns and runs what gc_collect does.
 * Errors   another generation: 0, and GC_ERR_RANGE as gc_last_error. */
OURO_API size_t gc_collect_generation(gc_heap *heap, int generation) OURO_NONNULL;

/* Do work that is due, for about `budget_ns` nanoseconds: call it when the program is idle. 0: do
 * nothing. Objects that wait to be destroyed (gc_config.destroy_ns) come first, in calls of their
 * own. Then the incremental collection continues, in slices of that length. Example: with 2000000
 * in the idle time of each frame, a game spends about 2 ms there. A young collection, a traverse,
 * or the last examination of suspects may take longer; the manual says when. If slice_ns is
 * SIZE_MAX, work that is due is done at once.
 * Returns  true while there is more to do: an incremental collection can continue, or objects wait
 *          to be destroyed. None can continue in a disabled heap, or inside a collection.
 * Runs     as gc_collect. */
OURO_API bool gc_step(gc_heap *heap, uint64_t budget_ns) OURO_NONNULL;

/* Allow or forbid collections that start by themselves. Calls do not nest. While forbidden, an
 * incremental collection in progress waits, and so do the objects that died in it. The collection
 * before gc_new fails runs in any case.
 * Returns  whether they were allowed before; gc_is_enabled: whether they are. */
OURO_API bool gc_enable(gc_heap *heap) OURO_NONNULL;
OURO_API bool gc_disable(gc_heap *heap) OURO_NONNULL;
OURO_API bool gc_is_enabled(const gc_heap *heap) OURO_NONNULL;

/* Let a collection that is due run here, and destroy objects that wait, for destroy_ns.
 * Runs  as gc_collect, when a collection is due. */
OURO_API void gc_safepoint(gc_heap *heap) OURO_NONNULL;

/* (8) Weak references and watchers
 * ================================
 * A weak reference leads to an object, its *target*, without keeping it alive: for caches, for
 * observers, for the way back from a child to its parent.
 *
 *     gc_weak *parent = gc_weak_new(node, NULL, NULL);
 *     struct node *node = gc_weak_get(parent);      new, or NULL: it is dead
 *     ...
 *     gc_xdecref(node);
 *     gc_decref(parent);
 *
 * A gc_weak is an object itself, owned and dropped like any other. One that dies before its target
 * does not call back.
 *
 * Death by count. When the target's count reaches zero, its weak references read NULL.
 *     1. Its finalizer runs. If that resurrects the target, they read it again, and nothing
 *     follows.
 *     2. Callbacks and watchers run, the newest first. The weak references are dead for good before
 *        the first of them runs.
 *     3. The target's references are dropped.
 *     If the target dies in a slice that has no time for all callbacks, the rest run in the next
 *     slice, after step 3.
 * Collection.
 *     1. Weak references with callbacks read NULL from now on, whatever finalizers resurrect later.
 *        Their callbacks run.
 *     2. Finalizers run.
 *     3. If the target is still garbage, its other weak references read NULL, and its watchers run.
 *     4. The garbage is cleared.
 *     If that takes several slices, the weak references without callback read NULL between them.
 * End of the heap. Watchers run; other callbacks do not.
 *
 * A weak reference always reads NULL before its target is cleared: it never yields a dying or
 * half-cleared object. A weak reference does not call back if it is dying itself, or if it is
 * garbage that the same collection has found.
 */

/* Called once for each weak reference, when the target is dead. `weak` is lent, and reads NULL. May
 * do everything but free the heap. Whatever it does, errors and misuse included, the other
 * callbacks run. If `arg` is an object that owns the weak reference, it may be dying: gc_try_incref
 * tells. While garbage that slices have found is being cleared or freed, the callback waits, also
 * that of another object: the garbage may own the weak reference. It runs in the slice in which
 * that is over; gc_collect, or gc_step until it returns false, sees to it. */
typedef void (*gc_weak_fn)(gc_weak *weak, void *arg);

/* Make a weak reference to an object. Without callback (NULL) it is shared: every call for the same
 * object returns the same one, as weakref.ref. `arg` is passed to the callback; it is not counted.
 * In statistics a weak reference with a callback is a container, one without is a leaf.
 * Returns  new, or NULL: no memory, as gc_new; or the object is dead, which is a panic. A weak
 *          reference made while its target is dying (in finalize, clear or destroy) reads NULL at
 *          least until the target has been resurrected.
 * Runs     as gc_new.
 * Cost     a constant. The heap's table of weak references grows and shrinks by one object at a
 *          time. Dropping a weak reference is a constant, too, however many its target has. */
#define gc_weak_new(object, callback, arg) gc_weak_new_at((object), (callback), (arg), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW gc_weak *gc_weak_new_at(void *object, gc_weak_fn callback,
                                                        void *arg, const char *where);

/* Return the target of a weak reference.
 * Returns  new, or NULL: the target is dead, dying, or about to be cleared.
 * Cost     no allocation. */
OURO_API OURO_MUST_USE OURO_NEW void *gc_weak_get(gc_weak *weak) OURO_NONNULL;

/* Watch an object: have a callback run when it is dead, or else when the heap is freed, as
 * weakref.finalize. The heap keeps the watcher; nobody else needs to. Unlike the callback of a weak
 * reference, in a collection a watcher runs only if no finalizer has resurrected the object. At the
 * end of the heap all watchers run first, the latest first, while everything is whole.
 * Returns  new, a weak reference like others until it runs, for gc_unwatch; or to be dropped at
 *          once: gc_xdecref(gc_watch(object, callback, arg)). NULL: as gc_weak_new; or `callback`
 *          is NULL, which is a panic.
 * Runs     as gc_new. */
#define gc_watch(object, callback, arg) gc_watch_at((object), (callback), (arg), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW gc_weak *gc_watch_at(void *object, gc_weak_fn callback, void *arg,
                                                     const char *where);

/* Remove a watcher: it will not run. The caller keeps its reference to it, which reads NULL.
 * Returns  whether the watcher was still to run. */
OURO_API bool gc_unwatch(gc_weak *watcher) OURO_NONNULL;

/* Caveats
 * =======
 * - A borrowed pointer is valid until you call something that "Runs" your code or drops references.
 * - Objects are found by their address: a pointer to the middle of an object, to a copy of one, or
 *   to a static struct is not an object. gc_check finds such references.
 * - References from one heap's objects to another's are not allowed.
 * - gc_set and the other slot macros write slots inside live objects or on your stack. memset over
 *   a slot leaks the reference.
 * - A finalizer that takes a reference to self resurrects everything that self refers to as well.
 * - Growing a tail moves the object: pointers into it, and copies of its address, are dead.
 * - `arg` of a callback is not counted: it must outlive the weak reference. To hold an object by
 *   `arg`, take a reference, and drop it in the callback and where you drop the weak reference.
 * - The memory of dead objects is reused by the heap at once, but returned to the system only by
 *   whole pages, some time after they became empty, as gc_config.purge_ns says. A program that
 *   neither fills pages nor collects returns nothing unless it calls gc_step or gc_heap_trim.
 */

/* ================================================================================================
 * Tools: configuration, statistics, inspection, debugging, profiler, generators, weak maps.
 * ================================================================================================
 */

/* (9) Configuration
 * ================= */

/* The source of a heap's memory, instead of the system's pages. Its functions may not use the heap;
 * a collection inside them does nothing. */
typedef struct gc_page_source {
    /* Return `size` bytes at a multiple of `align`, a power of two up to 4 MiB, with any content.
     * NULL: no memory. */
    void *(*map)(void *arg, size_t size, size_t align);
    /* Take back a whole block from map, with the same size. Cannot fail. */
    void (*unmap)(void *arg, void *block, size_t size);
    void *arg; /* for both */
} gc_page_source;

/* When the collector may run by itself. */
enum {
    GC_AT_ALLOCATION = 0, /* in gc_new and gc_new_var, before the new object exists */
    GC_AT_SAFEPOINT = 1,  /* only in gc_safepoint and gc_step */
};

/* When a collection becomes due. In each field 0 means the default, and SIZE_MAX means never.
 *
 * young_objects and young_bytes: a young collection is due when one of them is reached. If both
 * have their defaults, ouro adapts them:
 * - In a heap of 16 MiB or more, as the last full collection found alive, both are divided by 8,
 *   because examining an object takes longer in a large heap.
 * - Where objects have more than 4 references on average, young_objects is smaller in proportion,
 *   down to a 64th. Example: 128 references each, a collection after 1024 objects.
 * - Back-off: after three collections in a row that find less than one object in 64 to be garbage,
 *   the young are not examined until there are 8 times as many. Those become old unexamined, and
 *   the next young are collected as a probe. While probes find no more the factor grows: 16, 32,
 *   64. So objects that die by count alone cost next to nothing.
 *
 * old_growth_percent and old_bytes: a full collection is due when both are reached, whatever the
 * thresholds of the young are. If both have their defaults, ouro adapts them:
 * - After an automatic full collection that found no garbage, the next one is due at 75 percent and
 *   6 MiB.
 * - A program that builds and drops the same structure by count, again and again, is not collected
 *   until it grows further than it has before. */
typedef struct gc_thresholds {
    /* Number of young containers: those born since the last collection, less those that died.
     * Default 32768. SIZE_MAX: their number does not matter.
     * Example: after 100000 births and 70000 deaths by count there are 30000: not due yet. */
    size_t young_objects;
    /* Bytes by which live and external bytes have grown since the last collection. Default 1 MiB.
     * SIZE_MAX: bytes do not matter.
     * Example: two buffers of 600 KB, by gc_external_add, make a young collection due. */
    size_t young_bytes;
    /* Percent by which live and external bytes, without frozen objects, have grown over what the
     * last full collection found alive, or over the least in use since. Default 50. SIZE_MAX: no
     * full collection starts by itself, unless trash_percent asks for it.
     * Example: 100 MB alive after a full collection, so the next is due at 150 MB. */
    size_t old_growth_percent;
    /* Bytes by which they have grown at least. Default 4 MiB. SIZE_MAX: no full collection starts
     * by itself.
     * Example: 2 MiB alive after a full collection, so the next is due at 6 MiB, not at 3. */
    size_t old_bytes;
} gc_thresholds;

/* The configuration of a heap. Zero is the default of every field. */
struct gc_config {
    gc_thresholds thresholds; /* see above */
    int collect;              /* GC_AT_ALLOCATION (default) or GC_AT_SAFEPOINT */
    bool disabled;            /* start as after gc_disable. Default false */
    bool report_leaks;        /* gc_heap_free reports leaks, by type. Default false */

    /* Most bytes of objects and external memory together. A birth beyond it collects everything (at
     * GC_AT_ALLOCATION) and asks out_of_memory. If that does not help, it fails with GC_ERR_LIMIT.
     * Default 0, and SIZE_MAX: no limit. Example: limit 64 MiB, of which 60 MiB are alive and
     * 4 MiB are garbage; the next birth runs a full collection, and succeeds. */
    size_t limit_bytes;

    void *user_data;            /* for gc_heap_user_data. Default NULL */
    gc_page_source page_source; /* default: the system. Set map and unmap, or neither */

    /* Called when memory or limit is short, a full collection did not help, and a birth is about to
     * fail. `size` is the number of bytes that are missing. Return true to try again (something was
     * dropped), false to fail. May drop references and trim heaps; may not allocate from this heap.
     * Default: none.
     * Not every shortage collects. A cache at its limit, for instance, drops its oldest entries
     * itself, and collections find nothing. After four such collections in a row that found less
     * than one object in 64 to be garbage, and if 1 MiB or more is in use, the next birth of a
     * short object (up to 128 bytes) skips the collection, then the next 2, 4 ... 64 of them do.
     * Each of these does a slice instead, when the program has had its share of the time, so
     * garbage is found all the same. If slice_ns is SIZE_MAX there are no slices. */
    bool (*out_of_memory)(gc_heap *heap, size_t size);

    /* Receive one line of text for people: reports, and the message before a panic.
     * Default: write it to stderr. */
    void (*message)(gc_heap *heap, const char *text);

    /* Called when the program is wrong: a reference dropped twice, a traverse that lies, a broken
     * invariant. `text` has been given to `message` before. Default: abort. If the hook returns,
     * ouro continues in the safest way: it does nothing, or keeps an object instead of freeing
     * it. */
    void (*panic)(gc_heap *heap, const char *text);

    /* Target length of one slice of an incremental collection, in nanoseconds. Default 200000.
     * SIZE_MAX: no slices; every collection runs to completion. Slices are half as long while the
     * collection is ahead of the program. They are longer when one birth allocates more than a
     * slice can make up for, or when trash_percent is used up. Heaps with less than 1 MiB of live
     * and external bytes, without frozen objects, are collected at once.
     * Example: a collection that takes 50 ms at once stops the program some 250 times or more, for
     * about 0.2 ms or less each time. */
    size_t slice_ns;

    /* The key of the heap's hash tables and of gc_hash. Whoever knows it can choose keys and
     * addresses that collide, so set it only to repeat a run. Default, both 0: random, from the
     * system. */
    uint64_t hash_key[2];

    /* Find missing references: collect everything at once before every n-th birth. Births of leaves
     * count. A pointer that was borrowed across a birth then leads to a dead object, if its object
     * has become garbage, and the next gc_incref or gc_decref of it is a panic. It is not if the
     * newborn has taken the slot: then the pointer leads to an object of the same type.
     * Births are counted where a collection may start by itself: at GC_AT_ALLOCATION, while the
     * heap is enabled, outside of collections and their callbacks. A call of gc_safepoint counts as
     * a birth. gc_step does not, and keeps to its budget. slice_ns does not matter; the thresholds
     * still hold. Unit: births. Default 0: never, or 1 in a build with -Dstress=true. SIZE_MAX:
     * never. Example: 100 collects before the 100th, the 200th ... birth.
     * Cost  each birth takes the slow path; each n-th birth costs two passes over all
     *       containers. */
    size_t stress;

    /* Most garbage that is kept, in percent of what is alive. In a steady program at most
     *     alive + alive * trash_percent / 100 + 8 MiB
     * of live and external bytes, without frozen objects, are in use, however fast garbage is made.
     * Default 0: twice old_growth_percent, which is 100. SIZE_MAX: no bound. Example: with 100 MB
     * alive and the default, that is 208 MB. One half of the garbage may arise before a full
     * collection is due (old_growth_percent is lowered to that), the other half while it is in
     * progress. If the program makes garbage faster than the collector can dispose of it in its
     * usual share of the time, slices come closer together and the program runs slower;
     * gc_stats.slices_late counts these slices. Less garbage is more work: a program that replaces
     * its live objects pays for marking them 100 / trash_percent times as often. */
    size_t trash_percent;

    /* Bounded destruction: how long one dropped reference may destroy objects, in nanoseconds.
     * Default 0: until everything that died is freed, which for a list of a million nodes takes
     * tens of milliseconds. SIZE_MAX: no bound either, but slower than the default. Example: 200000
     * frees the first 0.2 ms of that list in gc_decref, and the rest in later calls.
     *
     * The object itself always ends at once. Objects that it alone held die when it drops them;
     * when the time is up they join a backlog. The backlog continues, also while collections are
     * disabled:
     * - At births. Each frees at least as many bytes as it takes, in steps of 4 KiB. So while
     *   objects wait, bytes_live grows by at most 4 KiB, and when the program has allocated as many
     *   bytes as waited, none wait any more. At GC_AT_SAFEPOINT births run nothing: they add up,
     *   and the next of the calls below frees as much.
     * - When the program drops another last reference, and in gc_safepoint: for destroy_ns.
     * - In gc_step: for its budget. It returns true while objects wait.
     * - Completely, before gc_collect, gc_heap_trim, gc_heap_free and the calls of section
     *   Inspection, but not gc_check; and before a birth fails, also at GC_AT_SAFEPOINT.
     * Inside collections and visitors everything ends at once, as by default.
     *
     * An object that waits is dead: gc_weak_get returns NULL, gc_try_incref false. Objects that
     * only it refers to are alive until it drops them: a weak reference to a node further down the
     * list still yields that node, and whoever takes it keeps it, with all it leads to. finalize,
     * the callbacks of weak references, and destroy run when their object has its turn: later than
     * by default, in any of the calls above. A weak reference that a waiting object owns still
     * calls back; its `arg` may be dead, which gc_try_incref tells.
     * Cost  while objects wait each birth takes the slow path. A simple node that dies in this way
     *       takes four times as long. An object without references, callbacks and weak references
     *       dies as fast as by default. */
    size_t destroy_ns;

    /* How long an empty page is kept before its memory is returned to the system, in nanoseconds.
     * Default 1000000000, one second. 1: return it at the next opportunity. SIZE_MAX: keep it,
     * whatever its age. Opportunities are slow births (those that take another page) and the ends
     * of collections, for at most one millisecond at a time and a ninth of all time; and gc_step.
     * Memory of a page_source is returned by whole segments of 4 MiB, and by large objects.
     * Example: 50 MB that become empty at t = 3 s are kept for reuse until t = 4 s at least. */
    size_t purge_ns;

    uintptr_t room[1]; /* must be 0 */
};

/* Read and set the thresholds. New ones hold at once. Those that are read have no zeros left. How
 * far they are reached is in gc_stats: generations[0].objects, bytes_grown_young,
 * bytes_grown_old. */
OURO_API void gc_get_thresholds(const gc_heap *heap, gc_thresholds *thresholds) OURO_NONNULL;
OURO_API void gc_set_thresholds(gc_heap *heap, const gc_thresholds *thresholds) OURO_NONNULL;

/* Hash bytes under the heap's key, by SipHash-1-3: for tables of yours whose keys come from
 * outside, such as an intern table. Without the key nobody can choose bytes that collide. All bits
 * are equally good, so a table may use the lowest. The hashes differ between heaps and between
 * runs, unless gc_config.hash_key is set: do not store them. It is not a signature: a program that
 * shows its hashes weakens its key.
 * Cost  about 110 instructions, and 22 more for each 8 bytes. */
OURO_API uint64_t gc_hash(const gc_heap *heap, const void *bytes, size_t size) OURO_NONNULL;

/* (10) Statistics
 * =============== */

/* Statistics of one generation. */
typedef struct gc_generation_stats {
    uint64_t collections;    /* number; a full collection counts for generation 1 only */
    uint64_t collected;      /* containers freed by these collections */
    uint64_t uncollectable;  /* containers found unreachable, but no clear broke their cycle */
    uint64_t resurrected;    /* containers found unreachable, but brought back by user code */
    uint64_t objects;        /* containers in the generation now */
    uint64_t pause_ns_total; /* time inside these collections */
    uint64_t pause_ns_max;   /* the longest pause */
} gc_generation_stats;

/* What a pause was for. A slice counts for the phase in which it begins. */
typedef enum gc_phase {
    GC_PHASE_YOUNG = 0,   /* a young collection, at once */
    GC_PHASE_FULL = 1,    /* a full collection, at once */
    GC_PHASE_PROMOTE = 2, /* slice: make the young old, unexamined */
    GC_PHASE_COUNT = 3,   /* slice: count the references among the old */
    GC_PHASE_MARK = 4,    /* slice: mark objects referenced from outside, and all they reach */
    GC_PHASE_SWEEP = 5,   /* slice: collect the unmarked objects as suspects */
    GC_PHASE_RECHECK = 6, /* slice: examine suspects exactly, dispose of small sets of garbage */
    GC_PHASE_FREE = 7,    /* slice: dispose of large sets of garbage, and of what died in slices */
    /* Destruction by the program's own decref, or by a birth in its place (gc_config.destroy_ns).
     * Only the long ones are measured: from the 256th object on, or from a declared array of more
     * than 8192 references on. Shorter ones, and those inside visitors, do not read the clock.
     * Collections inside are counted under their own phase. No slice is delayed by these pauses:
     * only pauses of collections give the program its share of the time. */
    GC_PHASE_DESTROY = 8,
    GC_PHASES = 9, /* the number of phases */
} gc_phase;

/* Pauses: their number, sum and lengths. A percentile is the upper end of a bucket, and not above
 * ns_max: it is too long by a quarter at most, or by a microsecond. */
typedef struct gc_pauses {
    uint64_t count;
    uint64_t ns_total;
    uint64_t ns_p50;   /* half of the pauses were no longer */
    uint64_t ns_p99;   /* all but one in 100 were no longer */
    uint64_t ns_p9999; /* all but one in 10000 were no longer */
    uint64_t ns_max;
} gc_pauses;

/* Statistics of a heap. */
typedef struct gc_stats {
    gc_generation_stats generations[2];
    uint64_t objects_live;      /* containers and leaves */
    uint64_t objects_born;      /* since the heap was made */
    uint64_t objects_died;      /* by count and by the collector */
    uint64_t died_by_count;     /* found by no collection; includes leaves owned by garbage */
    uint64_t finalized;         /* finalizers called */
    uint64_t bytes_live;        /* in slots that are in use; 0 if no object lives */
    uint64_t bytes_live_peak;   /* the largest bytes_live ever */
    uint64_t bytes_external;    /* gc_external_add less gc_external_remove */
    uint64_t bytes_reserved;    /* taken from the page source; see bytes_resident */
    uint64_t bytes_limit;       /* gc_config.limit_bytes; 0: none */
    uint64_t pause_ns_total;    /* time inside collections and long destructions: all phases */
    uint64_t pause_ns_max;      /* the longest pause */
    uint64_t pages;             /* in use */
    uint64_t segments;          /* taken from the page source */
    uint64_t objects_frozen;    /* containers set aside by gc_freeze; in no generation */
    uint64_t bytes_grown_young; /* live and external bytes more than at the last collection */
    uint64_t bytes_grown_old;   /* live and external bytes more than at the last full collection */
    gc_pauses pauses;           /* all pauses */
    gc_pauses phases[GC_PHASES];
    /* An estimate of the garbage in bytes: live and external bytes, without frozen objects, beyond
     * what the last full collection found alive. */
    uint64_t bytes_trash;
    /* Slices that began before the program had its share of the time, see
     * gc_config.trash_percent. */
    uint64_t slices_late;
    /* The part of bytes_reserved that is not in segments: the heap itself, its tables of segments,
     * types and weak references, and the profiler. Tables shrink with their contents, to a block of
     * 16 KiB each. */
    uint64_t bytes_tables;
    /* Objects that are dead and wait for their end, by destroy_ns or for a slice. objects_live
     * includes them. Objects that only they refer to are still alive, and not counted here. */
    uint64_t objects_waiting;
    /* The most memory of the machine that the heap can occupy: bytes_reserved less the pages that
     * were not used since they came from the system, or were returned to it (gc_config.purge_ns).
     * All pages of a page_source count. */
    uint64_t bytes_resident;
} gc_stats;

/* Fill in the statistics of a heap.
 * Cost  the number of pages; after a second gc_freeze also of objects in pages that are partly
 *       frozen. */
static inline void gc_get_stats(gc_heap *heap, gc_stats *stats);

/* Print the statistics as a small table for people. */
OURO_API void gc_stats_print(gc_heap *heap, FILE *file) OURO_NONNULL;

/* Statistics of the objects of one type. */
typedef struct gc_type_stats {
    const gc_type *type;
    uint64_t objects;      /* alive */
    uint64_t bytes;        /* in their slots */
    int64_t objects_grown; /* since the previous call with the same array */
    int64_t bytes_grown;
    uint64_t pages;       /* of 64 KiB, used by this type alone */
    uint64_t bytes_pages; /* bytes of these pages, or of the blocks of objects above 1 MiB */
    uint64_t slots_free;  /* objects that still fit into the pages, if they are of one size */
} gc_type_stats;

/* Count the objects of each type. Types with the most objects come first, then those with the most
 * bytes. `stats` has room for `count` types; entries that are left over are zeroed. Zero the array
 * before the first call and pass it again to later ones: then it tells what has grown in between.
 * Types whose objects are all gone since are among the answers once more.
 *
 *     gc_type_stats stats[100] = { 0 };
 *     gc_get_type_stats(heap, stats, 100);
 *     work();
 *     gc_get_type_stats(heap, stats, 100);          stats[0].objects_grown, ...
 *
 * Returns  the number of types that there are to report; if `count` is at least that, none is lost.
 * Cost     the number of pages and types, not of objects: a few microseconds for a million objects
 *          of ten types. */
static inline size_t gc_get_type_stats(gc_heap *heap, gc_type_stats *stats, size_t count);

/* (11) Inspection
 * ===============
 * These calls first dispose of garbage that an unfinished incremental collection has found, as
 * gc_collect does, and run whatever callbacks that takes; so hold the object that you ask about.
 * Apart from that they change nothing: no count, no statistics, no threshold, no generation. They
 * do write to the collector's word of objects; gc_why_alive and gc_check also to that of frozen
 * objects.
 *
 * Objects are lent to the visitor: borrowed, and valid during the call unless the visitor takes a
 * reference. Dying objects, and objects that a running collection has found unreachable, are
 * skipped. If the visitor returns anything but 0, the visit ends and the call returns that; else
 * the call returns 0.
 *
 * A visitor may make objects, take, move and drop references, even the last ones to the object that
 * it is shown, and ask further. Calls that would disturb the visit do nothing, and say so:
 *
 *     gc_collect, gc_collect_generation       0; thresholds that are reached wait
 *     gc_unreachable                          visits nothing, 0
 *     gc_freeze, gc_unfreeze, gc_heap_trim    0
 *     gc_type_forget                          GC_ERR_BUSY
 *     gc_heap_free                            panic
 */

/* Visit every container that a full collection would find unreachable. Nothing is freed, finalized
 * or changed. Objects born meanwhile are not visited. Inside a collection, or inside a visitor of
 * these calls, it visits nothing and returns 0.
 * Cost  as gc_collect. */
OURO_API int gc_unreachable(gc_heap *heap, gc_object_fn visit, void *arg);

/* The place of an object. */
enum {
    GC_LEAF = -1,  /* in no generation: it has no references, and no collection examines it */
    GC_YOUNG = 0,  /* generation 0: born since the last collection, or left young by it */
    GC_OLD = 1,    /* generation 1 */
    GC_FROZEN = 2, /* set aside by gc_freeze */
    GC_SAVED = 3,  /* garbage that was kept because of GC_DEBUG_SAVE_ALL */
};

/* Visit every container of a generation (GC_YOUNG, GC_OLD, GC_FROZEN, GC_SAVED), or with -1 every
 * object, leaves too, as gc.get_objects. Objects born meanwhile are not visited.
 * Errors  another generation: GC_ERR_RANGE, also as gc_last_error; nothing is visited. */
OURO_API int gc_each_object(gc_heap *heap, int generation, gc_object_fn visit, void *arg);

/* Visit every container that refers to an object, each once, frozen ones too, as gc.get_referrers.
 * The object cannot die before the call is over. Objects born meanwhile are not visited. An object
 * of another heap is a panic.
 * Cost  all containers and their references. */
OURO_API int gc_referrers(gc_heap *heap, void *object, gc_object_fn visit, void *arg);

/* Visit every object that an object refers to, once for each reference, as gc.get_referents. The
 * visitor may not change `object`, nor end an object that it refers to. An unfinished incremental
 * collection is not abandoned.
 * Cost  the references of the object. */
OURO_API int gc_referents(void *object, gc_object_fn visit, void *arg);

/* Return whether an object's finalize has run, as gc.is_finalized. */
static inline bool gc_is_finalized(const void *object);

/* Return the place of an object: GC_YOUNG, GC_OLD, GC_FROZEN or GC_SAVED; GC_LEAF for a leaf, and
 * for any object that is dying. Objects that a running collection has found unreachable are
 * GC_OLD. */
OURO_API int gc_generation_of(const void *object) OURO_NONNULL;

/* An object on a path that keeps another object alive. */
typedef struct gc_holder {
    void *object;      /* borrowed */
    size_t references; /* to it, as gc_refcount */
    size_t explained;  /* references to it that containers hold */
} gc_holder;

/* Find out why an object is alive: the shortest path to it from an object with a reference that no
 * object accounts for, held by a variable or never dropped. path[0] is that object, and
 * path[0].references - path[0].explained of its references are unaccounted for. The last object is
 * the one asked about. Garbage holds references, too, and explains them like other containers. The
 * first `count` objects of the path are stored; `path` may be NULL if that is 0.
 * Returns  the length of the path; 0: there is none, the object is garbage. GC_ERR_NOMEM.
 * Errors   GC_ERR_NOMEM. An object of another heap is a panic, then 0.
 * Runs     finalizers and callbacks of garbage that an unfinished incremental collection has
 *          already found; then traverse.
 * Cost     two passes over all containers and their references, and 16 bytes of memory for each
 *          container, until it returns. */
static inline ptrdiff_t gc_why_alive(gc_heap *heap, void *object, gc_holder *path, size_t count);

/* Print the answer of gc_why_alive for people: "node at 0x7f0012345678: 3 references, 2 explained
 * by:", the objects that hold them, and the path.
 * Returns  0, or GC_ERR_NOMEM: nothing was printed.
 * Runs     what gc_why_alive runs, at the same cost. */
OURO_API int gc_why_alive_print(gc_heap *heap, void *object, FILE *file) OURO_NONNULL;

/* (12) Hooks, freezing, debugging, checking
 * ========================================= */

/* Why a collection starts. */
typedef enum gc_reason {
    GC_REASON_CALL = 0,      /* gc_collect, gc_collect_generation */
    GC_REASON_OBJECTS = 1,   /* thresholds.young_objects */
    GC_REASON_BYTES = 2,     /* thresholds.young_bytes */
    GC_REASON_GROWTH = 3,    /* thresholds.old_growth_percent, old_bytes, trash_percent. Of a young
                              * collection: a full one is about to start */
    GC_REASON_SHORTAGE = 4,  /* memory or limit is short */
    GC_REASON_HEAP_FREE = 5, /* gc_heap_free */
    GC_REASON_STRESS = 6,    /* gc_config.stress */
} gc_reason;

/* A report about one collection. */
typedef struct gc_collection {
    size_t size;    /* bytes that ouro has filled in; fields beyond are not there */
    int generation; /* 0 or 1 */
    gc_reason reason;
    /* For stop; 0 in start. */
    uint64_t examined;      /* containers */
    uint64_t collected;     /* containers freed */
    uint64_t uncollectable; /* containers found unreachable, but no clear broke their cycle */
    uint64_t resurrected;   /* containers found unreachable, but brought back by a finalizer */
    uint64_t saved;         /* containers found unreachable, and kept: GC_DEBUG_SAVE_ALL */
    uint64_t duration_ns;   /* from before the start hooks on */
    /* Of an incremental collection; 0 if it ran at once. */
    uint64_t slices;   /* number; duration_ns is the sum of their lengths */
    uint64_t rounds;   /* 1: over all old objects; further ones over remaining suspects */
    uint64_t suspects; /* objects left by the first round, to be examined exactly */
} gc_collection;

/* Functions to be called at the start and the end of collections, as gc.callbacks. The struct is
 * yours: static, or in a struct of yours. Fill in the fields that you need, and do not touch
 * `next`. */
typedef struct gc_hook gc_hook;
struct gc_hook {
    /* A collection is about to start. Return true to let it. If a hook returns false there is no
     * collection, no further start hook is called, and no stop hook. NULL: always allowed. */
    bool (*start)(gc_heap *heap, const gc_collection *collection, void *arg);
    /* A collection is over, and included in the statistics. NULL: do nothing. An incremental
     * collection that was abandoned (for gc_collect, or an inspection of the heap) has found
     * nothing, is not in the statistics, and has its stop before the next start. */
    void (*stop)(gc_heap *heap, const gc_collection *collection, void *arg);
    void *arg;     /* for both */
    gc_hook *next; /* ouro's own */
};

/* Add a hook, or remove it. The hook added last is called first. Hooks may call both, also to
 * remove the hook that runs: the others are called all the same, and a hook that is added is not
 * called for the same start or stop. Hooks may do everything but free the heap; a collection inside
 * does nothing. After a hook has refused an automatic young collection, the next birth asks again.
 * After it has refused a full one, it is asked again when an eighth of the growth that makes a full
 * collection due has been born.
 * Takes   the hook stays yours. Do not move it until it is removed or the heap is freed.
 * Errors  adding a hook twice, or removing one that was not added, is a panic. */
OURO_API void gc_hook_add(gc_heap *heap, gc_hook *hook) OURO_NONNULL;
OURO_API void gc_hook_remove(gc_heap *heap, gc_hook *hook) OURO_NONNULL;

/* Set everything that is alive now aside, as gc.freeze. No collection examines frozen objects, and
 * what they refer to counts as referenced from outside; so garbage among them stays. They die by
 * count like others, and their memory is returned. A frozen object that its finalizer resurrects is
 * old. Thresholds of a full collection are measured from here on, without frozen objects.
 *
 * For a fork: no object is born in frozen pages until three quarters of a page are dead, and
 * collections do not write to them, so they stay shared with the child. Call gc_disable early in
 * the parent, gc_freeze before the fork, and gc_enable in the child. If objects are frozen already,
 * another call leaves pages with room open to births: no page is lost each time, but a page may
 * become unshared.
 * Returns  the number of containers that it froze; 0 inside a collection, or a visitor, where it
 *          does nothing. gc_stats.objects_frozen has the number of all that are frozen.
 * Runs     finalizers and callbacks of garbage that an unfinished incremental collection has
 *          already found.
 * Cost     a step for each container that is not frozen, and for each 4 MiB of those that are. Of
 *          memory: the first call loses up to a page of 64 KiB for each type and size, and the
 *          holes in pages; each further call loses at most a quarter of what it freezes. */
OURO_API size_t gc_freeze(gc_heap *heap) OURO_NONNULL;

/* Make all frozen objects old again, as gc.unfreeze.
 * Returns  the number of these containers; 0 inside a collection, or a visitor, where it does
 *          nothing.
 * Cost     all containers. */
OURO_API size_t gc_unfreeze(gc_heap *heap) OURO_NONNULL;

/* What collections report and keep, as gc.set_debug. Lines go to gc_config.message. */
enum {
    GC_DEBUG_STATS = 1,         /* a line for each collection */
    GC_DEBUG_COLLECTABLE = 2,   /* a line for each container found unreachable */
    GC_DEBUG_UNCOLLECTABLE = 4, /* a line for each container that no clear could free */
    /* Garbage is finalized, but then kept, as gc.garbage: gc_each_object(heap, GC_SAVED, ...)
     * visits it. It counts in the result of gc_collect, but not as collected. Being kept is one
     * more reference to each of these objects. */
    GC_DEBUG_SAVE_ALL = 8,
};

/* Set the GC_DEBUG_ flags. Returns the flags before; gc_get_debug those that are set. */
OURO_API unsigned gc_set_debug(gc_heap *heap, unsigned flags) OURO_NONNULL;
OURO_API unsigned gc_get_debug(const gc_heap *heap) OURO_NONNULL;

/* Drop the references to all saved garbage, as gc.garbage.clear(). Objects that only these
 * references held die; reference cycles are left to the next collection.
 * Returns  the number of objects that were saved.
 * Runs     finalizers and callbacks of garbage that an unfinished incremental collection has
 *          already found, and what dropping references runs. No collection starts. */
OURO_API size_t gc_release_saved(gc_heap *heap) OURO_NONNULL;

/* Walk the whole heap and verify ouro's invariants and your references: each leads to a live object
 * of this heap, and no object is referenced more often than its count says. It may not be called
 * inside a traverse.
 * Returns  true if all is well; else false, after the message and the panic hook.
 * Cost     all objects and references. It allocates nothing. */
OURO_API bool gc_check(gc_heap *heap) OURO_NONNULL;

/* (13) The memory profiler
 * ========================
 * The profiler tells which lines of your program hold the memory, as tracemalloc does for Python.
 * While it is on, every gc_new and gc_new_var is recorded with its file and line until the object
 * dies. While it is off it costs nothing. If it is short of memory itself it drops the record and
 * counts that; the allocation succeeds.
 *
 * Records take 56 bytes or more for each place that allocates, and more with tracked buffers. The
 * record of a buffer is freed at once when the buffer is untracked. Places without records are
 * forgotten when they take more than 1 MiB and room is needed for others, and in gc_heap_trim;
 * after that, messages about dead objects do not say where these were made.
 *
 *     gc_profile_start(heap, 1);
 *     build_graph(heap);
 *     gc_snapshot *snapshot = gc_snapshot_take(heap);
 *     gc_snapshot_print(snapshot, GC_BY_LINE, 10, stdout);
 *     gc_snapshot_free(snapshot);
 */

/* Statistics of the profiler. */
typedef struct gc_profile_stats {
    uint64_t objects;    /* recorded, tracked buffers too */
    uint64_t bytes;      /* their bytes: an object's slot, a buffer's size */
    uint64_t bytes_peak; /* the largest `bytes` since the start or gc_profile_reset_peak */
    uint64_t dropped;    /* records that were lost for lack of memory */
    uint64_t bytes_own;  /* memory of the profiler itself */
} gc_profile_stats;

/* Start recording, with up to `frames` (1 to 64) call frames for each allocation. 1: the line
 * alone. More frames are found by walking the stack, which takes time. Reports show the file and
 * line of a frame where debug information and libdw are available (see the manual), else function
 * and offset. The first frame is the call of gc_new, gc_new_var or gc_profile_track in the program.
 * If another function of ouro makes the object, ouro's frames come before that and count; reports
 * with lines leave them out. If the profiler is on already, nothing changes.
 * Returns  GC_OK, or the error.
 * Errors   GC_ERR_NOMEM. GC_ERR_RANGE: `frames`, or more than one where the stack cannot be
 *          walked. */
OURO_API gc_status gc_profile_start(gc_heap *heap, unsigned frames) OURO_NONNULL;

/* Stop recording, and forget all records. */
OURO_API void gc_profile_stop(gc_heap *heap) OURO_NONNULL;

/* Forget all records and the peak, and continue. Memory beyond the first block of each table is
 * returned. */
OURO_API void gc_profile_clear(gc_heap *heap) OURO_NONNULL;

/* Return whether the profiler is on. */
OURO_API bool gc_profile_is_on(const gc_heap *heap) OURO_NONNULL;

/* Fill in the statistics of the profiler; all are zero while it is off. gc_profile_reset_peak sets
 * bytes_peak to the bytes of now. */
static inline void gc_profile_get_stats(const gc_heap *heap, gc_profile_stats *stats);
OURO_API void gc_profile_reset_peak(gc_heap *heap) OURO_NONNULL;

/* Record memory of your own: `size` bytes at `pointer`, in a domain of your choice (objects are in
 * domain 0), until it is untracked. A pointer that is recorded already is recorded anew. After
 * realloc, untrack the old pointer and track the new one. While the profiler is off both calls do
 * nothing. */
#define gc_profile_track(heap, pointer, size, domain) \
    gc_profile_track_at((heap), (pointer), (size), (domain), OURO_HERE)
OURO_API void gc_profile_track_at(gc_heap *heap, const void *pointer, size_t size, unsigned domain,
                                  const char *where) OURO_NONNULL;
OURO_API void gc_profile_untrack(gc_heap *heap, const void *pointer) OURO_NONNULL;

/* Return the place where a live object was made: "file.c:12". NULL: it is not recorded. The string
 * is valid as long as the module that made the object is loaded. */
OURO_API const char *gc_profile_site(const void *object) OURO_NONNULL;

/* The records of one moment, by line, domain, type and call frames. It belongs to no heap and may
 * outlive it, but not the types and modules that it names. */
typedef struct gc_snapshot gc_snapshot;

/* Take a snapshot of all records; free it by gc_snapshot_free, which allows NULL.
 * Returns  the snapshot, empty while the profiler is off; or NULL: no memory.
 * Cost     the number of lines, not of objects. */
OURO_API OURO_MUST_USE gc_snapshot *gc_snapshot_take(gc_heap *heap) OURO_NONNULL;
OURO_API void gc_snapshot_free(gc_snapshot *snapshot);

/* How records are grouped. */
typedef enum gc_group {
    GC_BY_LINE = 0,
    GC_BY_FILE = 1,
    GC_BY_TRACEBACK = 2,  /* line and all call frames, by their addresses */
    GC_BY_TYPE = 3,       /* type of the objects; buffers are "(domain 7)" */
    GC_BY_CUMULATIVE = 4, /* each line of a traceback gets all of it, once: sums exceed the total */
} gc_group;

/* One group. Its strings are valid until the call that visits the groups returns. */
typedef struct gc_statistic {
    const char *name;    /* "file.c:12", "file.c", a type's name, or a frame's "function+0x1c" */
    const char *file;    /* the file in `name`, or NULL: a type, or a frame without line */
    unsigned line;       /* 0: none */
    void *const *frames; /* GC_BY_TRACEBACK: return addresses, the innermost first, all recorded */
    size_t frame_count;
    uint64_t bytes, count;
    int64_t bytes_diff, count_diff; /* of gc_snapshot_compare: newer less older */
} gc_statistic;

/* A callback for each group. Returns 0 to continue; any other value stops the visit, and becomes
 * the result of the call that visits. */
typedef int (*gc_statistic_fn)(const gc_statistic *statistic, void *arg);

/* Keep the records that a filter describes; or, if exclusive, drop them. A field that is 0 or NULL
 * matches all. Globs know `*` and `?`. */
typedef struct gc_profile_filter {
    bool exclusive;
    bool by_domain; /* compare `domain` */
    unsigned domain;
    const char *file; /* a glob for the file's name */
    unsigned line;
    const char *type; /* a glob for the type's name */
} gc_profile_filter;

/* Make a snapshot of the records that match one of the inclusive filters (or any, if there are
 * none), and none of the exclusive ones, as Snapshot.filter_traces.
 * Returns  a new snapshot, or NULL: no memory. */
OURO_API OURO_MUST_USE gc_snapshot *
gc_snapshot_filter(const gc_snapshot *snapshot, const gc_profile_filter *filters, size_t count);

/* Visit the groups of a snapshot, as Snapshot.statistics: those with the most bytes first, then by
 * count, then by name.
 * Returns  the visitor's result, or GC_ERR_NOMEM.
 * Cost     as sorting the lines. GC_BY_CUMULATIVE here, and GC_BY_TRACEBACK in print, take some
 *          milliseconds to load libdw and read debug information, and some ten microseconds for
 *          each call. */
OURO_API int gc_snapshot_statistics(const gc_snapshot *snapshot, gc_group group,
                                    gc_statistic_fn visit, void *arg);

/* Visit the groups of two snapshots, as Snapshot.compare_to: those whose bytes changed most first,
 * then by bytes, change of count, count, and name.
 * Returns  the visitor's result, or GC_ERR_NOMEM.
 * Cost     as gc_snapshot_statistics. */
OURO_API int gc_snapshot_compare(const gc_snapshot *newer, const gc_snapshot *older, gc_group group,
                                 gc_statistic_fn visit, void *arg);

/* Print the first `top` groups for people, with the line of source if it can be read, the sum of
 * the other groups, and the total: of one snapshot, or of the changes since an older one. Groups
 * that have not changed are among the others.
 * Returns  0, or GC_ERR_NOMEM: nothing was printed.
 * Cost     as gc_snapshot_statistics. Each source file is read once, up to the last line that is
 *          shown. 168 bytes of memory for each group. */
OURO_API int gc_snapshot_print(const gc_snapshot *snapshot, gc_group group, size_t top, FILE *file);
OURO_API int gc_snapshot_print_compare(const gc_snapshot *newer, const gc_snapshot *older,
                                       gc_group group, size_t top, FILE *file);

/* (14) Generators
 * ===============
 * A generator is an object that makes other objects, its items, one at a time on demand: a million
 * of them in the space of one. It has no stack of its own. Its state is its fields, so the
 * collector sees all that it holds, and a suspended generator costs its struct.
 *
 *     struct squares { gc_generator generator; long i, n; };
 *
 *     OURO_GENERATOR(squares)                      behind the name: the references it holds
 *     {
 *         OURO_BEGIN(self);
 *         for (self->i = 0; self->i < self->n; self->i++) {
 *             OURO_YIELD(self, number_new(gc_heap_of(self), self->i * self->i));
 *         }
 *         OURO_END(self);
 *     }
 *
 *     struct squares *squares = gc_new(heap, &squares_type.type);
 *     squares->n = 1000000;
 *     OURO_FOREACH(struct number, number, gc_generator_limit(&squares->generator, 10)) {
 *         printf("%ld\n", number->value);
 *     }
 *
 * A generator is *closed* when its body ends, by gc_generator_close, and when it dies. Closing
 * closes the generators that it delegates to, the innermost first; then it runs the cleanup, once,
 * and drops all references at once, even if the body never began. A generator is *busy* while it
 * runs, and while another pulls from it or delegates to it. A busy one refuses next and close.
 *
 * Ownership. An item is a new reference, handed on to whoever asked. Calls that use a generator up
 * take over the reference to it, as OURO_STEALS says, so that they nest as above. (All calls here
 * are such, except gc_generator_next, gc_generator_close and gc_generator_pull.) To keep a
 * generator, pass gc_newref of it. If a generator is NULL because it could not be made, the call
 * returns NULL, 0 or nothing.
 *
 * The end and a failure look alike: a NULL item. Where that matters, call gc_set_error(heap, GC_OK)
 * before, and gc_last_error after.
 *
 * No call recurses, however many generators delegate to or pull from each other.
 */

/* The head of every generator: put it first in your struct, under the name `generator`, and do not
 * touch its fields. */
typedef struct gc_generator gc_generator;

/* The type of a generator. OURO_GENERATOR makes one; by hand:
 *
 *     static const gc_generator_type zip_type = {
 *         .type = { .name = "zip", .size = sizeof(struct zip), .finalize = gc_generator_finalize,
 *                   .refs = OURO_FIELDS(OURO_GENERATOR_REFS(struct zip),
 *                                       OURO_REF(struct zip, left), OURO_REF(struct zip, right)) },
 *         .next = zip_next,
 *     };
 */
typedef struct gc_generator_type {
    gc_type type;

    /* Make the next item. Returns new, or NULL: that was all, and the generator is closed. Or it
     * calls gc_generator_delegate or gc_generator_pull last and returns NULL; then it is called
     * again when that is done. May do everything but free the heap or leave by longjmp. */
    void *(*next)(gc_generator *self);

    /* Called once, when the generator is closed, before its references are dropped; delegates are
     * closed already. May do everything; self cannot be resumed. Default NULL: do nothing. */
    void (*cleanup)(gc_generator *self);
} gc_generator_type;

/* OURO_GENERATOR(squares, last, ...) declares the type squares_type of a struct squares, which owns
 * the references `last, ...` (none, or up to 14, as in OURO_REFS). It opens the function that is
 * its body, with `struct squares *self`. OURO_GENERATOR_CLEANUP(squares, last, ...) declares one
 * with a cleanup, which OURO_CLEANUP(squares) { ... self ... } opens further down. The body:
 *
 *     OURO_BEGIN(self)                    first, with no declaration before it
 *     OURO_YIELD(self, item)              give an item, a new reference. NULL: ends the generator
 *     OURO_YIELD_FROM(self, generator)    give all items of another generator, which self takes
 *     over
 *                                         and closes when closed itself. NULL or busy: ends
 *     OURO_YIELD_REST(self, generator)    as OURO_YIELD_FROM, and ends: nothing after it runs. If
 *                                         self is a delegate itself, it is closed at once, before
 *                                         the items, and its memory is freed
 *     OURO_PULL(self, &self->item, from)  drop what the slot holds, and put the next item of `from`
 *                                         there; NULL: `from` has ended. If `from` is NULL or busy:
 *                                         ends
 *     OURO_END(self)                      last; `return NULL;` ends anywhere
 *
 * Between two items the function has returned. Therefore:
 * - Locals do not survive these macros: keep in `self` what is needed after them. (C++ refuses to
 *   compile locals with initializers around them. Inside a block without a macro they are fine.)
 * - OURO_FOREACH must not stand around one, because its generator and item are locals. Use
 *   OURO_PULL.
 * - A local with __attribute__((cleanup)), or a destructor, must not span one. gcc cleans it up at
 *   the yield and once more, uninitialized, at the end of its scope; clang and C++ refuse.
 * - None may stand inside a switch of yours: the body would end where it should resume.
 * - Two on one line do not compile.
 *
 * The macros are defined at the end of this file. */

/* Run a generator until its next item.
 * Returns  new; or NULL when it has ended, or failed, now or before.
 * Errors   GC_ERR_RUNNING when it is busy: nothing happened.
 * Runs     its body, the bodies of generators that it delegates to or pulls from, and cleanups. */
OURO_API OURO_MUST_USE OURO_NEW void *gc_generator_next(gc_generator *generator) OURO_NONNULL;

/* Close a generator, and before it the generators that it delegates to.
 * Returns  whether it is closed; false with GC_ERR_RUNNING when it is busy: nothing happened.
 * Runs     its cleanup, then what dropping references runs. */
OURO_API bool gc_generator_close(gc_generator *generator) OURO_NONNULL;

/* For types by hand. gc_generator_finalize closes the generator. gc_generator_delegate and
 * gc_generator_pull do what OURO_YIELD_FROM and OURO_PULL do: self is running, `slot` is the
 * address of one of its reference fields.
 * Runs  pull: what dropping the slot's old item runs. */
OURO_API void gc_generator_finalize(gc_object *self) OURO_NONNULL;
OURO_API void gc_generator_delegate(gc_generator *self, OURO_STEALS gc_generator *inner);
OURO_API void gc_generator_pull(gc_generator *self, void *slot, gc_generator *from);

/* Callbacks of gc_generator_map and gc_generator_filter for each item, which is lent to them. */
typedef OURO_NEW void *(*gc_map_fn)(void *item, void *arg);
typedef bool (*gc_filter_fn)(void *item, void *arg);

/* Make a lazy pipeline. `arg` is kept, not counted. Each generator holds one item at most. The
 * profiler records each at the line of its call.
 *     map      the result of `map` for each item, a new reference; NULL ends the generator
 *     filter   the items for which `filter` is true
 *     limit    the first `count` items; it drops its source with the last item that it gives
 *     chain    all items of `first`, then all of `second`
 * Returns  new, or NULL: no memory, or NULL was given; then the generators given are dropped.
 * Runs     as gc_new; the generators do not run yet. */
#define gc_generator_map(source, map, arg) gc_generator_map_at((source), (map), (arg), OURO_HERE)
#define gc_generator_filter(source, filter, arg) \
    gc_generator_filter_at((source), (filter), (arg), OURO_HERE)
#define gc_generator_limit(source, count) gc_generator_limit_at((source), (count), OURO_HERE)
#define gc_generator_chain(first, second) gc_generator_chain_at((first), (second), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW gc_generator *
gc_generator_map_at(OURO_STEALS gc_generator *source, gc_map_fn map, void *arg, const char *where);
OURO_API OURO_MUST_USE OURO_NEW gc_generator *
gc_generator_filter_at(OURO_STEALS gc_generator *source, gc_filter_fn filter, void *arg,
                       const char *where);
OURO_API OURO_MUST_USE OURO_NEW gc_generator *
gc_generator_limit_at(OURO_STEALS gc_generator *source, size_t count, const char *where);
OURO_API OURO_MUST_USE OURO_NEW gc_generator *
gc_generator_chain_at(OURO_STEALS gc_generator *first, OURO_STEALS gc_generator *second,
                      const char *where);

/* Run a generator to its end, and count its items.
 * Returns  the number of items.
 * Runs     as gc_generator_next. */
OURO_API size_t gc_generator_count(OURO_STEALS gc_generator *generator);

/* Run a generator to its end, and put its items into a tuple: an object with a tail of
 * gc_tail_length(tuple) references, which begins at gc_tuple_items(tuple).
 * Returns  new, or NULL: no memory for the tuple, or NULL was given.
 * Runs     as gc_generator_next.
 * Cost     twice to three times the tuple's memory while it grows. */
#define gc_generator_to_tuple(generator) gc_generator_to_tuple_at((generator), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW void *gc_generator_to_tuple_at(OURO_STEALS gc_generator *generator,
                                                               const char *where);

/* Return the array of references in a tuple of gc_generator_to_tuple. */
static inline void **gc_tuple_items(void *tuple);

/* OURO_FOREACH(type, item, generator) { ... } runs its block for each item of a generator. The loop
 * takes over the generator, and owns the item, a `type *`, until the next turn: keep it with
 * gc_newref. `continue` and `break` are fine; `return` and `goto` out of the loop leak the
 * generator and the item.
 * Runs  as gc_generator_next, and what dropping runs. */

/* (15) Weak maps
 * ==============
 * A map whose entries vanish with an object: by key, to keep something about objects that belong to
 * others (WeakKeyDictionary); by value, to find objects that exist already (WeakValueDictionary).
 *
 *     gc_weak_map *notes = gc_weak_map_new(heap, GC_WEAK_KEYS);
 *     gc_weak_map_set(notes, node, 0, note);           note lives while node and notes do
 *
 *     gc_weak_map *names = gc_weak_map_new(heap, GC_WEAK_VALUES);
 *     gc_weak_map_set(names, "root", 4, node);         until node dies
 *     struct node *root = gc_weak_map_get(names, "root", 4);
 *
 * A map is an object, owned and dropped like any other. An entry vanishes when the callback of a
 * weak reference to its object would run. An object that is dying is not found even before. In a
 * map by key, a value that leads to its key keeps both alive.
 */

/* Which side of the entries is weak. */
typedef enum gc_weak_side {
    GC_WEAK_KEYS = 0,   /* keys are objects, compared by address; values are owned */
    GC_WEAK_VALUES = 1, /* keys are bytes, which are copied; values are not owned */
} gc_weak_side;

/* Make an empty map.
 * Returns  new, or NULL: as gc_new.
 * Runs     as gc_new. */
#define gc_weak_map_new(heap, side) gc_weak_map_new_at((heap), (side), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW gc_weak_map *gc_weak_map_new_at(gc_heap *heap, gc_weak_side side,
                                                                const char *where) OURO_NONNULL;

/* Set the value, an object, of a key. By GC_WEAK_KEYS `key` is an object, and `size` is ignored. By
 * GC_WEAK_VALUES `key` is `size` bytes, compared by content.
 * Returns  GC_OK, or the error, as after gc_new: nothing has changed then.
 * Runs     as gc_new, and what dropping the old value runs.
 * Cost     a constant; the map grows in small steps. */
#define gc_weak_map_set(map, key, size, value) \
    gc_weak_map_set_at((map), (key), (size), (value), OURO_HERE)
OURO_API gc_status gc_weak_map_set_at(gc_weak_map *map, const void *key, size_t size, void *value,
                                      const char *where) OURO_NONNULL;

/* Return the value of a key, given as for gc_weak_map_set.
 * Returns  new, or NULL: the key has none.
 * Cost     no allocation. */
OURO_API OURO_MUST_USE OURO_NEW void *gc_weak_map_get(gc_weak_map *map, const void *key,
                                                      size_t size) OURO_NONNULL;

/* Remove a key, given as for gc_weak_map_set, and its value.
 * Returns  whether it was there.
 * Runs     what dropping the value runs. */
OURO_API bool gc_weak_map_remove(gc_weak_map *map, const void *key, size_t size) OURO_NONNULL;

/* Return the number of entries, including those whose object is dying. */
OURO_API size_t gc_weak_map_count(const gc_weak_map *map) OURO_NONNULL;

/* A callback for each entry of a weak map. Key and value are lent. `size` is 0 if the key is an
 * object. Returns 0 to continue; any other value stops the visit. */
typedef int (*gc_weak_map_fn)(const void *key, size_t size, void *value, void *arg);

/* Visit the entries of a map, the latest first. The visitor may do everything, change the map too:
 * entries that have vanished or were removed meanwhile are not visited, nor are new ones. A key
 * whose value was replaced before its turn is visited with the new value.
 * Returns  what the visitor returned, if not 0, which ends the visit; else 0. */
OURO_API int gc_weak_map_each(gc_weak_map *map, gc_weak_map_fn visit, void *arg);

/* ================================================================================================
 * End of the interface. Below is what the macros and inline functions above are made of. Programs
 * use nothing of it by name, except the macros that are documented above; tests/abi/layout.c pins
 * its layout.
 * ================================================================================================
 */

/* Compilers. OURO_LAUNDER: make the compiler forget what it knows about *pointer, so that it is
 * read again; this keeps the sum of an addition to memory out of registers. OURO_CONSTANT_P:
 * whether the compiler knows the value of a number. */
#if OURO_HAS_ATTRIBUTE(always_inline)
#define OURO_ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define OURO_ALWAYS_INLINE inline
#endif
#if defined(__GNUC__)
#define OURO_LIKELY(condition)  __builtin_expect(!!(condition), 1)
#define OURO_LAUNDER(pointer)   __asm__("" : "+r"(pointer))
#define OURO_CONSTANT_P(number) __builtin_constant_p(number)
#define OURO_PREFETCH(address)  __builtin_prefetch((address), 1)
#else
#define OURO_LIKELY(condition)  (condition)
#define OURO_LAUNDER(pointer)   ((void)0)
#define OURO_CONSTANT_P(number) 0
#define OURO_PREFETCH(address)  ((void)0)
#endif
#define OURO_UNLIKELY(condition) (!OURO_LIKELY(!(condition)))

/* OURO_HERE. */
#define OURO_TEXT(number)    OURO_TEXT_OF(number)
#define OURO_TEXT_OF(number) #number

/* Field maps: one gc_field for each place of references that a type declares. */
typedef struct gc_field {
    uint32_t offset;       /* of the reference, the tail, or the pointer to the buffer */
    uint16_t kind;         /* GC_FIELD_... */
    uint16_t count_size;   /* GC_FIELD_BUFFER: bytes of the count field: 1, 2, 4 or 8 */
    uint32_t count_offset; /* GC_FIELD_BUFFER: offset of the count field */
} gc_field;

enum {
    GC_FIELD_REF = 0,    /* one reference */
    GC_FIELD_TAIL = 1,   /* gc_tail_length references at the end of the object */
    GC_FIELD_BUFFER = 2, /* a pointer to an array of references, and a field with their number */
};

struct gc_field_map {
    size_t count;
    const gc_field *fields;
};

/* clang-format off */
#define OURO_REF(type, field) \
    { OURO_POINTER_AT(type, field), GC_FIELD_REF, 0, 0 }
#define OURO_TAIL(type, field) \
    { OURO_POINTER_AT(type, field[0]), GC_FIELD_TAIL, 0, 0 }
#define OURO_BUFFER(type, items, count) \
    { OURO_POINTER_AT(type, items), GC_FIELD_BUFFER, (uint16_t)sizeof(((type *)0)->count), \
      (uint32_t)offsetof(type, count) + 0 * (uint32_t)sizeof(&**((type *)0)->items) }
#define OURO_FIELDS(...) \
    (&(const gc_field_map){ sizeof((const gc_field[]){ __VA_ARGS__ }) / sizeof(gc_field), \
                            (const gc_field[]){ __VA_ARGS__ } })
#define OURO_DECLARE_REFS(name, ...) \
    static const gc_field name##_fields[] = { __VA_ARGS__ }; \
    static const gc_field_map name = { sizeof(name##_fields) / sizeof(gc_field), name##_fields }

/* The offset of a field. Does not compile if the field is not a pointer. */
#define OURO_POINTER_AT(type, field) \
    ((uint32_t)offsetof(type, field) + 0 * (uint32_t)sizeof(&*((type *)0)->field))

/* OURO_REF for each of up to 16 fields. */
#define OURO_MAP(type, ...) OURO_PASTE(OURO_MAP_, OURO_ARGS(__VA_ARGS__))(type, __VA_ARGS__)
#define OURO_PASTE(a, b) OURO_PASTE_(a, b)
#define OURO_PASTE_(a, b) a##b
#define OURO_ARGS(...) \
    OURO_ARGS_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define OURO_ARGS_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, count, ...) count
#define OURO_MAP_1(t, a) OURO_REF(t, a)
#define OURO_MAP_2(t, a, ...) OURO_REF(t, a), OURO_MAP_1(t, __VA_ARGS__)
#define OURO_MAP_3(t, a, ...) OURO_REF(t, a), OURO_MAP_2(t, __VA_ARGS__)
#define OURO_MAP_4(t, a, ...) OURO_REF(t, a), OURO_MAP_3(t, __VA_ARGS__)
#define OURO_MAP_5(t, a, ...) OURO_REF(t, a), OURO_MAP_4(t, __VA_ARGS__)
#define OURO_MAP_6(t, a, ...) OURO_REF(t, a), OURO_MAP_5(t, __VA_ARGS__)
#define OURO_MAP_7(t, a, ...) OURO_REF(t, a), OURO_MAP_6(t, __VA_ARGS__)
#define OURO_MAP_8(t, a, ...) OURO_REF(t, a), OURO_MAP_7(t, __VA_ARGS__)
#define OURO_MAP_9(t, a, ...) OURO_REF(t, a), OURO_MAP_8(t, __VA_ARGS__)
#define OURO_MAP_10(t, a, ...) OURO_REF(t, a), OURO_MAP_9(t, __VA_ARGS__)
#define OURO_MAP_11(t, a, ...) OURO_REF(t, a), OURO_MAP_10(t, __VA_ARGS__)
#define OURO_MAP_12(t, a, ...) OURO_REF(t, a), OURO_MAP_11(t, __VA_ARGS__)
#define OURO_MAP_13(t, a, ...) OURO_REF(t, a), OURO_MAP_12(t, __VA_ARGS__)
#define OURO_MAP_14(t, a, ...) OURO_REF(t, a), OURO_MAP_13(t, __VA_ARGS__)
#define OURO_MAP_15(t, a, ...) OURO_REF(t, a), OURO_MAP_14(t, __VA_ARGS__)
#define OURO_MAP_16(t, a, ...) OURO_REF(t, a), OURO_MAP_15(t, __VA_ARGS__)
/* clang-format on */

/* Bits of the two words of a gc_object. */
enum {
    OURO_REFS_WEAK = 1u << 1,      /* refs: the object has weak references */
    OURO_REFS_FINALIZED = 1u << 2, /* refs: finalize has run */
    OURO_REFS_SITE = 1u << 3,      /* refs: the profiler has recorded the allocation */
    OURO_REFS_ONE = 1u << 4,       /* refs: one reference */
    OURO_GC_TOUCHED = 1u << 4,     /* gc: a decref has left the object alive */
};
/* The upper four bits of refs tell whether an object is immortal. */
#define OURO_REFS_IMMORTAL     0xE8000000u
#define OURO_IS_IMMORTAL(refs) ((refs) >> 28 == OURO_REFS_IMMORTAL >> 28)

/* The slow halves of gc_incref and gc_decref: saturation, death, misuse. Called by the inline
 * halves only, which have counted already. */
OURO_API void ouro_incref_slow(void *object) OURO_NONNULL;
OURO_API void ouro_decref_slow(void *object) OURO_NONNULL;

/* Counting. One addition and a test of the sign; immortal objects take the addition back. */
static inline void gc_incref(void *object)
{
    gc_object *self = (gc_object *)object;
    self->refs += OURO_REFS_ONE;
    if (OURO_LIKELY((int32_t)self->refs >= 0)) {
        return;
    }
    OURO_LAUNDER(self);
    if (OURO_IS_IMMORTAL(self->refs)) {
        self->refs -= OURO_REFS_ONE;
    } else {
        ouro_incref_slow(object);
    }
}
static inline void gc_decref(void *object)
{
    gc_object *self = (gc_object *)object;
    self->refs -= OURO_REFS_ONE;
    if (OURO_LIKELY((int32_t)self->refs >= 0)) {
        self->gc |= OURO_GC_TOUCHED;
        return;
    }
    OURO_LAUNDER(self);
    if (OURO_IS_IMMORTAL(self->refs)) {
        self->refs += OURO_REFS_ONE;
    } else {
        ouro_decref_slow(object);
    }
}
static inline void gc_xincref(void *object)
{
    if (object != NULL) {
        gc_incref(object);
    }
}
static inline void gc_xdecref(void *object)
{
    if (object != NULL) {
        gc_decref(object);
    }
}

/* Questions that the first word answers. */
static inline size_t gc_refcount(const void *object)
{
    return ((const gc_object *)object)->refs / OURO_REFS_ONE + (size_t)1;
}
static inline bool gc_is_unique(const void *object)
{
    return gc_refcount(object) == 1;
}
static inline bool gc_is_immortal(const void *object)
{
    return OURO_IS_IMMORTAL(((const gc_object *)object)->refs);
}
static inline bool gc_is_finalized(const void *object)
{
    return (((const gc_object *)object)->refs & OURO_REFS_FINALIZED) != 0;
}

/* Slots. A pointer of any object type is read and written as bytes, so no aliasing rule is broken.
 * The slot is written before the old reference is dropped, because that may run user code. */
static inline void *ouro_slot_take(void *slot)
{
    void *old, *null = NULL;
    memcpy(&old, slot, sizeof(old));
    memcpy(slot, &null, sizeof(null));
    return old;
}
static inline void ouro_slot_set_steal(void *slot, OURO_STEALS void *object)
{
    void *old;
    memcpy(&old, slot, sizeof(old));
    memcpy(slot, &object, sizeof(object));
    gc_xdecref(old);
}
static inline void ouro_slot_set(void *slot, void *object)
{
    gc_xincref(object);
    ouro_slot_set_steal(slot, object);
}
static inline void ouro_slot_swap(void *slot, void *other)
{
    void *a, *b;
    memcpy(&a, slot, sizeof(a));
    memcpy(&b, other, sizeof(b));
    memcpy(slot, &b, sizeof(b));
    memcpy(other, &a, sizeof(a));
}
static inline void ouro_slot_clear(void *slot)
{
    gc_xdecref(ouro_slot_take(slot));
}
static inline OURO_NEW void *ouro_newref(void *object)
{
    gc_incref(object);
    return object;
}

/* A slot as void *, evaluated once. Does not compile unless it is the address of a pointer: in C
 * the part that is not evaluated sees to that. */
#ifdef __cplusplus
#define OURO_SLOT(slot) ouro_slot(slot)
#else
#define OURO_SLOT(slot) (1 ? (void *)(slot) : (void *)(uintptr_t)(&**(slot)))
#endif

/* A visitor is a queue of references; the flush traces them when it is full. */
struct gc_visitor {
    void **next; /* the next reference is stored here */
    void **end;  /* the queue is full here */
};
OURO_API void ouro_visit_flush(gc_visitor *visitor) OURO_NONNULL;
static inline void gc_visit(gc_visitor *visitor, void *child)
{
    if (child != NULL) {
        OURO_PREFETCH(child);
        *visitor->next++ = child;
        if (visitor->next == visitor->end) {
            ouro_visit_flush(visitor);
        }
    }
}

/* Births: gc_new is inlined as a bump allocation or a pop from a free list, where the compiler
 * knows the type. Short objects only, from the page that the heap's allocation cache has for the
 * type. struct ouro_heap and struct ouro_page are the beginnings of two structs of the library: the
 * fields are macros, so that src/layout.h can put them into a union with a struct of the same
 * fields. */
enum {
    OURO_PLACES = 128,    /* pages in the allocation cache, by type */
    OURO_SHORT_MAX = 128, /* bytes of a short object */
    OURO_LINK_SHIFT = 5,  /* of a link in a gc word; it counts units of 8 bytes, from 1 */
    OURO_GC_LEAF = 1,     /* the gc word of a newborn leaf */
    OURO_GC_YOUNG = 8     /* the gc word of a newborn container */
};
#define OURO_PLACE_OF(type) ((uintptr_t)(type) / 128 % OURO_PLACES)
/* Size, alignment and kind of short objects, in a byte. A type's address may be used again for
 * another type: this byte keeps a page of the first from serving the second. */
#define OURO_SHAPE(size, align, is_young) \
    ((uint8_t)((size) / 8 | ((align) / 16 - (align) / 64) << 5 | (size_t)(is_young) << 7))
#define OURO_PAGE_FIELDS \
    uint32_t free;      /* link to the first free slot, placed as in a gc word; 0: none */ \
    uint32_t limit;     /* bump allocation ends here */ \
    uint16_t countdown; /* live objects above a threshold of the library's, see src/layout.h */ \
    uint16_t near[2];   /* offsets of the references, if a type has only one or two */ \
    uint8_t birth;      /* OURO_GC_LEAF or OURO_GC_YOUNG */ \
    uint8_t shape;      /* OURO_SHAPE of the slots; 0: they are not short */ \
    size_t end;         /* the bump pointer: offset of the next slot, if below the limit */ \
    char *base;         /* the page's first byte, from which offsets count */ \
    const gc_type *type
#define OURO_HEAP_FIELDS \
    size_t young_objects; \
    size_t bytes_live; \
    size_t young_alarm; /* births beyond either alarm take the slow path */ \
    size_t bytes_alarm; \
    struct ouro_page *pages[OURO_PLACES]
struct ouro_page {
    OURO_PAGE_FIELDS;
};
struct ouro_heap {
    OURO_HEAP_FIELDS;
};

/* Return whether a birth of `size` bytes has to take the slow path, because work may be due. */
static inline bool ouro_alarm_is_due(const struct ouro_heap *heap, size_t size)
{
    return heap->young_objects >= heap->young_alarm || heap->bytes_live + size > heap->bytes_alarm;
}

/* Allocate an object with the gc word `word` in a page, and count it. Its payload is not zeroed.
 * Returns  OURO_NEW, or NULL: the page is full. */
static inline gc_object *ouro_page_allocate(struct ouro_heap *heap, struct ouro_page *page,
                                            size_t size, uint32_t word)
{
    gc_object *self;
    if (page->free != 0) {
        self = (gc_object *)(void *)(page->base + (page->free >> OURO_LINK_SHIFT) * (size_t)8 - 8);
        page->free = self->gc;
    } else if (OURO_LIKELY(page->end < page->limit)) {
        self = (gc_object *)(void *)(page->base + page->end);
        page->end += size;
    } else {
        return NULL;
    }
    page->countdown++;
    heap->bytes_live += size;
    heap->young_objects += word == OURO_GC_YOUNG;
    self->refs = 0;
    self->gc = word;
    return self;
}

/* The slow half of gc_new: another page, an alarm, the profiler. Called by the inline half only.
 * Returns, fails and runs what gc_new does. */
OURO_API OURO_MUST_USE OURO_NEW void *ouro_new_slow(gc_heap *heap, const gc_type *type,
                                                    const char *where) OURO_NONNULL;

/* gc_new: inline if the compiler knows the type, as it does with optimisation if that is a
 * constant, and if its objects are short; else gc_new_at. Inlined in every build, so that the
 * innermost call frame of a birth is that of the program. */
static OURO_ALWAYS_INLINE OURO_MUST_USE OURO_NEW void *ouro_new(gc_heap *heap, const gc_type *type,
                                                                const char *where)
{
    if (!OURO_CONSTANT_P(type->size) || type->size > OURO_SHORT_MAX || type->item_size != 0) {
        return gc_new_at(heap, type, where);
    }
    struct ouro_heap *known = (struct ouro_heap *)(void *)heap;
    struct ouro_page *page = known->pages[OURO_PLACE_OF(type)];
    size_t align = type->align > 8 ? type->align : 8;
    size_t size = ((type->size > 16 ? type->size : 16) + align - 1) / align * align;
    bool is_young = type->refs != NULL || type->traverse != NULL;
    gc_object *self = NULL;
    bool is_right = page->type == type && page->shape == OURO_SHAPE(size, align, is_young);
    if (OURO_LIKELY(is_right && !ouro_alarm_is_due(known, size))) {
        self = ouro_page_allocate(known, page, size, is_young ? OURO_GC_YOUNG : OURO_GC_LEAF);
    }
    if (!OURO_LIKELY(self != NULL)) {
        return ouro_new_slow(heap, type, where);
    }
    memset(self + 1, 0, size - sizeof(*self));
    return self;
}

/* Structs that ouro fills in. The library gets the size that the program was compiled with, and
 * never writes beyond it: later versions may add fields. `count` of arrays is in elements. Bindings
 * from other languages call these. */
OURO_API void gc_get_stats_sized(gc_heap *heap, gc_stats *stats, size_t size) OURO_NONNULL;
OURO_API size_t gc_get_type_stats_sized(gc_heap *heap, gc_type_stats *stats, size_t count,
                                        size_t size) OURO_NONNULL;
OURO_API ptrdiff_t gc_why_alive_sized(gc_heap *heap, void *object, gc_holder *path, size_t count,
                                      size_t size);
OURO_API void gc_profile_get_stats_sized(const gc_heap *heap, gc_profile_stats *stats, size_t size)
    OURO_NONNULL;
static inline void gc_get_stats(gc_heap *heap, gc_stats *stats)
{
    gc_get_stats_sized(heap, stats, sizeof(*stats));
}
static inline size_t gc_get_type_stats(gc_heap *heap, gc_type_stats *stats, size_t count)
{
    return gc_get_type_stats_sized(heap, stats, count, sizeof(*stats));
}
static inline ptrdiff_t gc_why_alive(gc_heap *heap, void *object, gc_holder *path, size_t count)
{
    return gc_why_alive_sized(heap, object, path, count, sizeof(*path));
}
static inline void gc_profile_get_stats(const gc_heap *heap, gc_profile_stats *stats)
{
    gc_profile_get_stats_sized(heap, stats, sizeof(*stats));
}

/* Generators. The head of each, and its body: a switch over the line at which it resumes. */
struct gc_generator {
    gc_object object;
    gc_generator *source; /* owned: the one it pulls from now, or the innermost of its delegates */
    gc_generator *outer;  /* owned: in a delegate the one to resume after it; else the outermost
                           * delegate */
    gc_generator *consumer; /* the one that gets the item, while it runs */
    void *slot;             /* where the item that it pulls is stored; NULL: it does not pull */
    uint32_t line; /* of the OURO_YIELD where the body resumes; 0: start; OURO_LINE_LAST: end */
    uint32_t flags;
};

#define OURO_LINE_LAST UINT32_MAX

/* clang-format off */
#define OURO_GENERATOR(...) \
    OURO_GENERATOR_TYPE(OURO_FIRST(__VA_ARGS__), NULL, OURO_HELD(__VA_ARGS__)) \
    OURO_GENERATOR_BODY(OURO_FIRST(__VA_ARGS__))
#define OURO_GENERATOR_CLEANUP(...) \
    OURO_CLEANUP_TYPE(OURO_FIRST(__VA_ARGS__), OURO_HELD(__VA_ARGS__)) \
    OURO_GENERATOR_BODY(OURO_FIRST(__VA_ARGS__))
#define OURO_CLEANUP(name) static void name##_clean(struct name *self)

#define OURO_BEGIN(self) switch ((self)->generator.line) { case 0:
#define OURO_YIELD(self, item) \
    do { (self)->generator.line = __LINE__; return (item); case __LINE__:; } while (0)
#define OURO_YIELD_FROM(self, from) \
    do { \
        (self)->generator.line = __LINE__; \
        gc_generator_delegate(&(self)->generator, (from)); \
        return NULL; case __LINE__:; \
    } while (0)
#define OURO_YIELD_REST(self, from) \
    do { \
        (self)->generator.line = OURO_LINE_LAST; \
        gc_generator_delegate(&(self)->generator, (from)); \
        return NULL; \
    } while (0)
#define OURO_PULL(self, slot, from) \
    do { \
        (self)->generator.line = __LINE__; \
        gc_generator_pull(&(self)->generator, OURO_SLOT(slot), (from)); \
        return NULL; case __LINE__:; \
    } while (0)
#define OURO_END(self) } return NULL

#define OURO_GENERATOR_REFS(type) OURO_MAP(type, generator.source, generator.outer)
#define OURO_HELD(...) \
    OURO_HELD_(__VA_ARGS__, OURO_HELD_SOME, OURO_HELD_SOME, OURO_HELD_SOME, OURO_HELD_SOME, \
               OURO_HELD_SOME, OURO_HELD_SOME, OURO_HELD_SOME, OURO_HELD_SOME, OURO_HELD_SOME, \
               OURO_HELD_SOME, OURO_HELD_SOME, OURO_HELD_SOME, OURO_HELD_SOME, OURO_HELD_SOME, \
               OURO_HELD_NONE, 0)(__VA_ARGS__)
#define OURO_HELD_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, held, ...) held
#define OURO_HELD_NONE(name) OURO_GENERATOR_REFS(struct name)
#define OURO_HELD_SOME(name, ...) \
    OURO_MAP(struct name, generator.source, generator.outer, __VA_ARGS__)
#define OURO_FIRST(...) OURO_FIRST_(__VA_ARGS__, 0)
#define OURO_FIRST_(first, ...) first

#define OURO_GENERATOR_TYPE(kind, cleanup, ...) OURO_GENERATOR_TYPE_(kind, cleanup, __VA_ARGS__)
#define OURO_GENERATOR_TYPE_(kind, cleaner, ...) \
    static void *kind##_next(gc_generator *self); \
    OURO_DECLARE_REFS(kind##_refs, __VA_ARGS__); \
    typedef char kind##_begins_with_generator[offsetof(struct kind, generator) == 0 ? 1 : -1]; \
    static const gc_generator_type kind##_type = OURO_GENERATOR_INIT(kind, cleaner);
#define OURO_CLEANUP_TYPE(kind, ...) OURO_CLEANUP_TYPE_(kind, __VA_ARGS__)
#define OURO_CLEANUP_TYPE_(kind, ...) \
    static void kind##_clean(struct kind *self); \
    static void kind##_cleanup(gc_generator *self) { kind##_clean((struct kind *)(void *)self); } \
    OURO_GENERATOR_TYPE_(kind, kind##_cleanup, __VA_ARGS__)
#define OURO_GENERATOR_BODY(kind) OURO_GENERATOR_BODY_(kind)
#define OURO_GENERATOR_BODY_(kind) \
    static void *kind##_body(struct kind *self); \
    static void *kind##_next(gc_generator *self) \
    { \
        return kind##_body((struct kind *)(void *)self); \
    } \
    static void *kind##_body(struct kind *self)
#ifdef __cplusplus
#define OURO_GENERATOR_INIT(kind, cleaner) [] { \
        gc_generator_type made = {}; \
        made.type.name = #kind; made.type.size = sizeof(struct kind); \
        made.type.refs = &kind##_refs; made.type.finalize = gc_generator_finalize; \
        made.next = kind##_next; made.cleanup = cleaner; \
        return made; \
    }()
#else
#define OURO_GENERATOR_INIT(kind, cleaner) { \
        .type = { .name = #kind, .size = sizeof(struct kind), .refs = &kind##_refs, \
                  .finalize = gc_generator_finalize }, \
        .next = kind##_next, .cleanup = (cleaner), \
    }
#endif
/* clang-format on */

/* A tuple of gc_generator_to_tuple is a gc_object with a tail of references. */
static inline void **gc_tuple_items(void *tuple)
{
    return (void **)(void *)((gc_object *)tuple + 1);
}

/* OURO_FOREACH. `break` leaves the inner of the two fors, so ouro_loop_end runs in any case. */
struct ouro_loop {
    gc_generator *generator; /* owned */
    void *item;              /* owned */
    bool runs;
};
static inline OURO_BORROWED void *ouro_loop_next(struct ouro_loop *loop)
{
    ouro_slot_set_steal(&loop->item, NULL);
    if (loop->generator != NULL) {
        loop->item = gc_generator_next(loop->generator);
    }
    return loop->item;
}
static inline void ouro_loop_end(struct ouro_loop *loop)
{
    ouro_slot_set_steal(&loop->item, NULL);
    ouro_slot_set_steal(&loop->generator, NULL);
    loop->runs = false;
}
/* clang-format off */
#define OURO_FOREACH(type, item, generator) \
    for (struct ouro_loop item##_loop = { (generator), NULL, true }; item##_loop.runs; \
         ouro_loop_end(&item##_loop)) \
        for (type *item; (item = (type *)ouro_loop_next(&item##_loop)) != NULL;)
/* clang-format on */

#ifdef __cplusplus
} /* extern "C" */

/* C++: OURO_SLOT, and the slot macros whose argument or result is an object, with its type. */
template <class T> inline void *ouro_slot(T **slot)
{
    return slot;
}
template <class T, class U> inline void gc_set(T **slot, U *object)
{
    T *checked = object; /* a conversion that C++ allows */
    ouro_slot_set(slot, checked);
}
template <class T> inline void gc_set(T **slot, decltype(nullptr))
{
    ouro_slot_clear(slot);
}
template <class T, class U> inline void gc_set_steal(T **slot, OURO_STEALS U *object)
{
    T *checked = object;
    ouro_slot_set_steal(slot, checked);
}
template <class T> inline void gc_set_steal(T **slot, decltype(nullptr))
{
    ouro_slot_clear(slot);
}
template <class T> inline OURO_NEW T *gc_take(T **slot)
{
    return static_cast<T *>(ouro_slot_take(slot));
}
template <class T> inline OURO_NEW T *gc_newref(T *object)
{
    gc_incref(object);
    return object;
}
#endif

#endif
