/* SPDX-License-Identifier: MIT */
#ifndef OURO_H
#define OURO_H

/* (1) ouro: Python's object memory as a C library
 * ===============================================
 *
 * Objects count their references and die at once when the count reaches zero. What counts alone
 * cannot free, objects that refer to each other in a circle, a generational cycle collector finds
 * and frees. Everything belongs to a gc_heap: a program may have many, there is no global state.
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
 *     gc_set(&b->next, a);                            a circle
 *     gc_decref(a);
 *     gc_decref(b);                                   both unreachable, both still counted
 *     gc_collect(heap);                               returns 2
 *     gc_heap_free(heap);
 *
 * How the comments below are written. "Returns" says new (the caller owns a reference and drops it)
 * or borrowed (valid while somebody else holds one). "Runs" says which code of yours can run before
 * the call returns. Where it matters, "Errors" and "Cost" follow. Unless a function says otherwise
 * it takes no ownership, runs none of your code, cannot fail, costs a constant, and its arguments
 * may not be NULL. Sizes are bytes. One thread at a time uses a heap and its objects; it need not
 * be always the same thread, and different heaps need no care at all.
 *
 * `void *` in a parameter list stands for a pointer to any struct that begins with a gc_object.
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
#if OURO_HAS_ATTRIBUTE(always_inline)
#define OURO_ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define OURO_ALWAYS_INLINE inline
#endif
/* OURO_LAUNDER: what a pointer leads to has to be read again. It keeps the sum of an addition to memory out of
 * registers. OURO_CONSTANT_P: whether the compiler knows a number. */
#if defined(__GNUC__)
#define OURO_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define OURO_LAUNDER(pointer)   __asm__("" : "+r"(pointer))
#define OURO_CONSTANT_P(number)  __builtin_constant_p(number)
#define OURO_PREFETCH(address) __builtin_prefetch((address), 1)
#else
#define OURO_LIKELY(condition) (condition)
#define OURO_LAUNDER(pointer)   ((void)0)
#define OURO_CONSTANT_P(number)  0
#define OURO_PREFETCH(address) ((void)0)
#endif

#define OURO_UNLIKELY(condition) (!OURO_LIKELY(!(condition)))

/* Ownership, for readers and for tools; they expand to nothing. */
#define OURO_NEW      /* returns a new reference */
#define OURO_BORROWED /* returns a borrowed reference */
#define OURO_STEALS   /* this parameter's reference becomes the callee's */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gc_heap gc_heap;
typedef struct gc_type gc_type;
typedef struct gc_visitor gc_visitor;
typedef struct gc_weak gc_weak;
typedef struct gc_weak_map gc_weak_map;

/* A callback for each object. Returns 0 to go on; anything else stops, and the caller gets it
 * back. */
typedef int (*gc_object_fn)(void *object, void *arg);

/* (3) Status codes
 * ================
 * What gc_last_error answers after a NULL or a refusal. Numbers are never reused.
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

/* A short English text for a status. Returns a static string, never NULL. */
OURO_API const char *gc_status_text(gc_status status);

/* The status of the heap's last call that failed; calls that succeed leave it alone. */
OURO_API gc_status gc_last_error(const gc_heap *heap) OURO_NONNULL;

/* Set what gc_last_error answers: GC_OK before what is to be watched, or the status of a
 * function of yours that fails as ouro's do. */
OURO_API void gc_set_error(gc_heap *heap, gc_status status) OURO_NONNULL;

/* (4) Types
 * =========
 * A gc_type says how large an object is and where it keeps the references it owns. Declare it const
 * and static; heaps may share it. It must outlive its objects and stay as it is while there are
 * any. Zero is the default of every field.
 *
 * A type's address may be used again for another type once the objects of the first are gone. When
 * a module with types is unloaded, call gc_type_forget for each before: an inline birth compares
 * only size, alignment, and whether there are references, with what it finds there.
 *
 * Callbacks: when they run, in which order, and what is still there.
 *
 *     callback       at count zero            in a collection            self
 *     weak callback  after finalize, unless   first; of those made by    whole; gc_weak_get
 *                    that resurrects          finalizers, after them     gives NULL
 *     finalize       first                    after the weak callbacks   whole
 *     watcher        as weak callbacks        after the finalizers, if   whole
 *                                             not resurrected
 *     clear          after those              after those, each of the   whole, but for what
 *                                             garbage in turn            other clears dropped
 *     refs           dropped after clear      dropped after clear        its declared fields NULL
 *     destroy        last                     when its count is zero     no references; what is
 *                                             by the clears              not an object is there
 *
 * No order is promised between the ends of two objects. By count an owner is destroyed before what
 * it alone owns, for that waits in the queue of the dying; in a collection its clear lets that die
 * first. What waits, as the items of a tuple, is destroyed in the order of its pages, last dropped
 * first in each: the queue is chained through the dead objects, so it needs no memory.
 *
 * Callbacks return. None may be left by longjmp or by a C++ exception but config.panic and
 * config.out_of_memory. After another was left the next call that notices is a panic with the name
 * of the callback: a call in the same thread from no deeper in its stack. A finalize, clear or
 * destroy that ran for a death by count is given up then: the object stays, dying, and the heap
 * works as before. In all other cases nothing is collected or destroyed any more. So a callback may
 * not wait for another stack of the same thread, a coroutine's, that uses the heap meanwhile.
 *
 * errno is after each call of ouro what it was before, whatever callbacks did to it.
 */

/* The head of every object: put it first in your struct, and leave its fields alone. */
typedef struct OURO_ALIGNED gc_object {
    uint32_t refs; /* (count - 1) << 4 | flags, so that its sign tells of the last reference */
    uint32_t gc;   /* the collector's word */
} gc_object;

enum {
    OURO_REFS_WEAK = 1u << 1,      /* has weak references */
    OURO_REFS_FINALIZED = 1u << 2, /* finalize has run */
    OURO_REFS_SITE = 1u << 3,      /* its allocation is on record */
    OURO_REFS_ONE = 1u << 4,       /* one reference */
    OURO_GC_TOUCHED = 1u << 4,     /* of the other word: a decref left it alive */
};
#define OURO_REFS_IMMORTAL     0xE8000000u /* of an object that never dies; four bits tell */
#define OURO_IS_IMMORTAL(refs) ((refs) >> 28 == OURO_REFS_IMMORTAL >> 28)

/* One declared place of references in an object. Made by the macros below. */
typedef struct gc_field {
    uint32_t offset;       /* of the reference, the tail, or the pointer to the buffer */
    uint16_t kind;         /* GC_FIELD_... */
    uint16_t count_size;   /* GC_FIELD_BUFFER: bytes of the count field: 1, 2, 4 or 8 */
    uint32_t count_offset; /* GC_FIELD_BUFFER: where the count is */
} gc_field;

enum {
    GC_FIELD_REF = 0,    /* one reference */
    GC_FIELD_TAIL = 1,   /* gc_tail_length references at the end of the object */
    GC_FIELD_BUFFER = 2, /* a pointer to an array of references, and how many of them count */
};

typedef struct gc_field_map {
    size_t count;
    const gc_field *fields;
} gc_field_map;

/* Declaring where the references are: all a type needs. Tracing, clearing and the decrefs at death
 * follow from it.
 *
 *     single references, up to 16
 *         .refs = OURO_REFS(struct node, left, right)
 *     anything, in one list: references, the tail of gc_new_var (its item_size a pointer's), and
 *     buffers, which are two fields, `T **items; <unsigned> count;`
 *         .refs = OURO_FIELDS(OURO_REF(struct tuple, owner),
 *                             OURO_TAIL(struct tuple, items),
 *                             OURO_BUFFER(struct list, items, count))
 *
 * A reference may be NULL, in tails and buffers too. Fields may be members of members
 * (`queue.items`). A buffer belongs to you: ouro reads items[0..count), and when the object is
 * cleared or dies it takes them out from the end, counting `count` down; free the array in
 * `destroy`. A count is an unsigned integer of any width.
 *
 * These are expressions for C at file scope. In C++ name the map and fill in the type at start-up:
 *
 *     OURO_DECLARE_REFS(node_refs, OURO_REF(node, left), OURO_REF(node, right));
 *     static const gc_type node_type = [] {
 *         gc_type type = {};
 *         type.name = "node"; type.size = sizeof(node); type.refs = &node_refs;
 *         return type;
 *     }();
 */
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
#define OURO_REFS(type, ...) OURO_FIELDS(OURO_MAP(type, __VA_ARGS__))

/* The offset of a field; does not compile when the field is not a pointer. */
#define OURO_POINTER_AT(type, field) \
    ((uint32_t)offsetof(type, field) + 0 * (uint32_t)sizeof(&*((type *)0)->field))

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

struct gc_type {
    const char *name; /* for messages and reports; must not be NULL */
    size_t size;      /* sizeof your struct, without the tail */
    size_t item_size; /* 0: no tail. Else bytes of one item; objects are made by gc_new_var */
    size_t align;     /* 0: 8. Else a power of two up to 64 */

    /* The references an object owns: declared, visited by callback, or some of each (a reference
     * is in one of the two, never in both). A type with neither is a leaf: no collection ever
     * looks at it, it dies by count. */
    const gc_field_map *refs;

    /* Call gc_visit once for each owned reference that refs does not declare. References to leaves
     * may be left out: no cycle goes through a leaf. gc_referents does not show them then. It may run
     * at any time after gc_new, so it must bear zeroed fields. It may not create, drop, count or
     * change anything, nor call ouro otherwise. */
    void (*traverse)(gc_object *self, gc_visitor *visitor);

    /* Drop the references that traverse visits, by gc_clear. It runs at every death, by count as in
     * a collection, before destroy; in a collection it breaks the cycles. What refs declares is
     * dropped right after it. May do everything but keep self, and may be called again. A type with
     * traverse and without clear drops its references in destroy and relies on the other objects of
     * a cycle to break it. A cycle of such types alone is uncollectable; what it reaches is garbage
     * all the same, and cleared: the uncollectable objects live on beside emptied neighbours. */
    void (*clear)(gc_object *self);

    /* Called once in an object's life, before it dies, with the object and all it refers to
     * still whole, as __del__ (PEP 442). May do everything: allocate, drop references, collect,
     * and resurrect: take a reference to self and keep it. A resurrected object lives on, old, and
     * next time it dies without this call. Weak references to self read NULL when its count has
     * reached zero; in a collection those without callback still read self. */
    void (*finalize)(gc_object *self);

    /* Release what is not an object: buffers, files, external bytes. Called for every object that
     * dies, after clear and after the references that refs declares were dropped: those fields are
     * NULL, all others are as they were. May do everything but keep self: self is gone when it
     * returns. gc_heap_of, gc_type_of and gc_tail_length still answer.
     * A table that points to objects without counting, as an intern table, from which destroy strikes
     * self, still has self until then: take a reference out of it by gc_try_incref, which fails for
     * what is dying. */
    void (*destroy)(gc_object *self);

    unsigned flags;    /* must be 0 */
    uintptr_t room[5]; /* must be 0 */
};

/* (5) Heaps
 * ========= */

/* Where a heap's memory comes from, in place of the system's pages. Its functions may not use the
 * heap; a collection inside them does nothing. */
typedef struct gc_page_source {
    /* Returns `size` bytes at a multiple of `align` (a power of two up to 4 MiB), any content;
     * NULL: no memory. */
    void *(*map)(void *arg, size_t size, size_t align);
    /* Takes back a block from map, whole, with the same size. Cannot fail. */
    void (*unmap)(void *arg, void *block, size_t size);
    void *arg; /* for both */
} gc_page_source;

/* When the collector may run by itself. */
enum {
    GC_AT_ALLOCATION = 0, /* in gc_new and gc_new_var, before the new object exists */
    GC_AT_SAFEPOINT = 1,  /* only in gc_safepoint and gc_step */
};

/* When a collection becomes due. In each field 0 means the default, SIZE_MAX never. */
typedef struct gc_thresholds {
    /* The young are collected when their number (containers born, less those of them that died)
     * reaches young_objects, or when live and external bytes have grown by young_bytes since the
     * last collection. Defaults 32768, 1 MiB. With both at their defaults ouro adapts:
     *   - where the last full collection found 16 MiB or more alive, both are an eighth, because an
     *     object takes longer in a large heap;
     *   - where an object has more than 4 references, the number is smaller in proportion, down to a
     *     64th: with 128 references each, 1024 objects;
     *   - after three collections that find less than one in 64 to be garbage, the young are left
     *     alone until they are eight times as many, then old unseen, and collected once again after
     *     that; while this finds no more the times get longer, up to 64. Objects that die by count
     *     are not worth looking at. */
    size_t young_objects;
    size_t young_bytes;
    /* Everything is collected when live and external bytes without the frozen have grown by
     * old_growth_percent of what the last full collection found alive, and by old_bytes at least;
     * whatever the thresholds of the young are. Defaults 50, 4 MiB: with 100 MB alive, at 150 MB.
     * When less is in use than was found alive, growth counts from there. With both at their
     * defaults ouro adapts: after a full collection that came by itself and found no garbage, the
     * next comes at 75 percent and 6 MiB, and a program that builds and drops the same by count, time and again, is
     * left alone as far as it has been before. */
    size_t old_growth_percent;
    size_t old_bytes;
} gc_thresholds;

typedef struct gc_config {
    gc_thresholds thresholds; /* see above */
    int collect;              /* GC_AT_ALLOCATION (default) or GC_AT_SAFEPOINT */
    bool disabled;            /* start as after gc_disable. Default false */
    bool report_leaks;        /* gc_heap_free reports what is left, by type. Default false */
    size_t limit_bytes;       /* of live and external bytes together, see below. Default 0: none */
    void *user_data;          /* for gc_heap_user_data. Default NULL */
    gc_page_source page_source; /* default: the system. Set map and unmap, or neither */

    /* Memory or limit is short, a collection did not help, and the call is about to return NULL.
     * (Everything is collected before that. Where four such collections in a row found less than one
     * in 64 to be garbage, as at the limit of a cache that drops its oldest itself, and 1 MiB or more
     * is in use, the next short birth does without, then 2, 4 ... 64 of them; each does a slice
     * instead, when the program has had its rest, so garbage is found all the same. With slice_ns at
     * SIZE_MAX there are no slices.)
     * `size` is what is missing. Returns true to try again (something was dropped), false to fail.
     * May drop references and trim heaps, may not allocate from this heap. Default: none. */
    bool (*out_of_memory)(gc_heap *heap, size_t size);

    /* One line of text that somebody should read: reports, and the message before a panic.
     * Default: to stderr. */
    void (*message)(gc_heap *heap, const char *text);

    /* The program is wrong: a reference dropped twice, a traverse that lies, a broken invariant.
     * The message has been given; this is the same text. Default: abort. A hook that returns
     * lets ouro go on with the safest answer, which is to do nothing, or to keep an object
     * rather than to free it. */
    void (*panic)(gc_heap *heap, const char *text);

    /* How long the program is stopped at a time for the collection of the old, in nanoseconds:
     * half as long while there is no hurry, longer when one birth makes more than a slice is for, or
     * when trash_percent is used up. Default 200000; SIZE_MAX: until it is done. Less than 1 MiB of
     * live and external bytes without the frozen is not worth slices. */
    size_t slice_ns;

    /* The key of the heap's hash tables and of gc_hash. Keys and addresses can be chosen to collide
     * by whoever knows it, so give it only for runs that are to be repeated.
     * Default, both 0: random, from the system. */
    uint64_t hash_key[2];

    /* Find missing references: collect everything, at once, before every n-th birth, leaves
     * included. A pointer that is borrowed across a birth, from what has become garbage, then leads
     * to a dead object, and the next gc_incref or gc_decref of it is a panic, unless the newborn
     * has taken its slot: then it is of the same type.
     * Births are counted where a collection may start by itself: at GC_AT_ALLOCATION, while the
     * heap is enabled, and outside of a collection and its callbacks. A call of gc_safepoint counts
     * as a birth; gc_step does not, and keeps to its budget. slice_ns does not matter; the
     * thresholds hold as well. Default 0: never, or every birth in a build with -Dstress=true.
     * SIZE_MAX: never.
     * Cost  each birth takes the slow path, each n-th one two passes over the containers. */
    size_t stress;

    /* The most garbage that is kept, in percent of what is alive. In a steady program at most
     *     alive + alive * trash_percent / 100 + 8 MiB
     * of live and external bytes without the frozen are in use, however fast garbage is made. With
     * 100 MB alive and the default that is 208 MB. Half of it may have come to be when everything
     * begins to be collected (old_growth_percent is lowered to that), the other half while it is.
     * Where the program is faster than the collector in its usual share of the time, slices come
     * closer together, and it runs slower; gc_stats.slices_late counts those. Less garbage is more
     * work: a program that replaces what it has alive pays for marking it 100 / trash_percent times
     * as often. Default 0: twice old_growth_percent, which is 100. SIZE_MAX: no bound. */
    size_t trash_percent;
    /* Bounded destruction: how long a reference that the program drops may destroy at a time, in
     * nanoseconds. Default 0: until all that died is gone, which for a list of a million nodes is
     * tens of milliseconds. SIZE_MAX: likewise, but slower.
     *
     * The object itself always ends at once. What it alone held dies when it drops that, and
     * joins a backlog when the time is up. The backlog goes on, also while collections are
     * disabled,
     * - at births: each frees at least as many bytes as it takes, in steps of 4 KiB. So while
     *   something waits, bytes_live grows by no more than 4 KiB, and nothing waits any more when
     *   the program has allocated as much. At GC_AT_SAFEPOINT births run nothing: they add up, and
     *   the next of the calls below frees as much.
     * - when the program drops another last reference, and in gc_safepoint: for destroy_ns;
     * - in gc_step: for its budget; true is returned while something waits;
     * - whole, before what takes over the heap: gc_collect, gc_heap_trim, gc_heap_free and calls
     *   that look at objects, but for gc_check; and before a birth fails, also at GC_AT_SAFEPOINT.
     * Inside collections and visitors all ends at once, as by default.
     *
     * What waits is dead: gc_weak_get gives NULL, gc_try_incref is false. What it refers to is
     * counted as ever, and alive until it is dropped: a weak reference to a node further down the
     * list still gives it, and who takes it keeps it, with all it leads to. finalize, the callbacks
     * of weak references and destroy run when their object has its turn: later than by default, in
     * any of the calls above. A weak reference that such an object owns still calls back: its `arg`
     * may be dead, which gc_try_incref tells.
     * Cost  while something waits each birth takes the slow path. A plain node that dies so
     * takes four times as long. One that refers to nothing, has no callbacks and is not watched, dies
     * as fast as ever. */
    size_t destroy_ns;

    /* How long a page is kept after its last object, in nanoseconds, before its memory goes back to
     * the system: at slow births (one that takes another page), at the ends of collections, for a
     * millisecond at a time at most and a ninth of all time, and in gc_step. What a page_source
     * has given goes back to it by whole segments of 4 MiB, and by large objects.
     * Default 1000000000, a second; 1: at the next of these; SIZE_MAX: not for its age. */
    size_t purge_ns;

    uintptr_t room[1]; /* must be 0 */
} gc_config;

/* Make a heap. `config` NULL: the defaults; it is copied.
 * Returns the heap, or NULL: no memory, or a page_source with only one of its two functions. */
OURO_API OURO_MUST_USE gc_heap *gc_heap_new(const gc_config *config);

/* Free a heap and every object in it, whatever their counts. NULL is allowed. In this order:
 *     1. watchers, the latest first; then those that they have registered, in which births fail
 *        with GC_ERR_CLOSING
 *     2. a full collection: hooks, weak callbacks, finalize, watchers, clear and destroy of garbage;
 *        before it, of what an unfinished incremental collection has found
 *     3. with report_leaks, a message for each type with objects left; immortal ones are no leaks
 *     4. finalize of all objects, which may allocate and register watchers
 *     5. births fail with GC_ERR_CLOSING from here on: watchers registered in step 4, and finalize
 *        of what was born in it
 *     6. all weak references end, and do not call back
 *     7. clear of all objects; those whose count becomes zero by that are destroyed
 *     8. destroy of all others; then the memory goes back
 * Runs  all these, message and panic. It may not be called by any of them: that is a panic. */
OURO_API void gc_heap_free(gc_heap *heap);

/* The user_data of the configuration. */
OURO_API void *gc_heap_user_data(const gc_heap *heap) OURO_NONNULL;

/* Hash bytes under the heap's key, by SipHash-1-3: for tables of yours whose keys come from
 * outside, as those of an intern table. Without the key nobody can choose bytes that collide.
 * All bits are equally good, so a table may take the lowest. The hashes differ between heaps and
 * between runs, unless gc_config.hash_key is given: do not store them. It is not a signature: a
 * program that shows its hashes weakens its key.
 * Cost  about 110 instructions, and 22 more for each 8 bytes. */
OURO_API uint64_t gc_hash(const gc_heap *heap, const void *bytes, size_t size) OURO_NONNULL;

/* Return empty pages to the system now, without waiting for gc_config.purge_ns: whole segments to the page
 * source, and of the others the memory behind single pages, if it came from the system. Inside callbacks
 * that are called by a collection or a search it does nothing.
 * Runs    finalizers and callbacks of garbage that an unfinished incremental collection found.
 * Returns the bytes given back, of both kinds.
 * Cost    the number of types, segments and empty pages; a call of the system for each 16 of these that are
 *         neighbours. */
OURO_API size_t gc_heap_trim(gc_heap *heap) OURO_NONNULL;

/* Bytes that live outside but because of the heap's objects: buffers, pixels. They count for the
 * thresholds, and for the limit: adding cannot fail, but births do until they fit again. Removing
 * more than was added is a panic. */
OURO_API void gc_external_add(gc_heap *heap, size_t bytes) OURO_NONNULL;
OURO_API void gc_external_remove(gc_heap *heap, size_t bytes) OURO_NONNULL;

/* (6) Objects and references
 * ==========================
 * Whoever keeps a pointer to an object keeps a counted reference. The slot helpers do it right:
 * they write the slot before they drop the old reference, since a drop can run any finalizer.
 */

/* Where a call is: "file.c:12". A constant that costs nothing; the profiler reads it. In a function
 * of yours that makes objects for others, take a `where` and pass it on to gc_new_at. */
#define OURO_HERE            __FILE__ ":" OURO_TEXT(__LINE__)
#define OURO_TEXT(number)    OURO_TEXT_OF(number)
#define OURO_TEXT_OF(number) #number

/* Make an object, zeroed, with one reference.
 * Returns  new, or NULL with gc_last_error: memory or limit is short, after a full collection and
 *          out_of_memory did not help (at a heap that collects at safepoints only, no collection is
 *          tried). Everything is as it was.
 * Errors   a malformed type, or one with item_size, is a panic, then NULL.
 * Runs     at GC_AT_ALLOCATION, before the object exists: a collection, with all that may run in
 *          it. In any case: out_of_memory. */
#define gc_new(heap, type) ouro_new((heap), (type), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW void *gc_new_at(gc_heap *heap, const gc_type *type,
                                                const char *where) OURO_NONNULL;

/* The beginnings of two structs of the library's (src/layout.h), for what is inline; nothing for programs. */
enum {
    OURO_PLACES = 128,    /* of pages where objects are born, by type */
    OURO_SHORT_MAX = 128, /* bytes of an object */
    OURO_LINK_SHIFT = 5,  /* in a gc word; what it leads to is counted in eights, from 1 */
    OURO_GC_LEAF = 1,     /* the gc words of the newborn */
    OURO_GC_YOUNG = 8
};
#define OURO_PLACE_OF(type) ((uintptr_t)(type) / 128 % OURO_PLACES)
/* Size, alignment and kind of short objects, in a byte. A type's address may be used again for another
 * type: what was a page of the first one does not serve the second. */
#define OURO_SHAPE(size, align, is_young) \
    ((uint8_t)((size) / 8 | ((align) / 16 - (align) / 64) << 5 | (size_t)(is_young) << 7))
#define OURO_PAGE_FIELDS \
    uint32_t free;      /* link to the first free slot, in bits as in a gc word; or 0 */ \
    uint32_t limit;     /* slots begin below it */ \
    uint16_t countdown; /* deaths until the page is looked at; births count it up again */ \
    uint16_t near[2];   /* where references are, if they are one or two */ \
    uint8_t birth;      /* OURO_GC_LEAF or OURO_GC_YOUNG */ \
    uint8_t shape;      /* OURO_SHAPE of its slots; 0: they are not short */ \
    size_t end;         /* where the next slot begins, if that is below the limit */ \
    char *base;         /* what offsets count from: the page's first byte */ \
    const gc_type *type
#define OURO_HEAP_FIELDS \
    size_t young_objects; \
    size_t bytes_live; \
    size_t young_alarm; /* births beyond either alarm take the long way */ \
    size_t bytes_alarm; \
    struct ouro_page *pages[OURO_PLACES]
struct ouro_page {
    OURO_PAGE_FIELDS;
};
struct ouro_heap {
    OURO_HEAP_FIELDS;
};

/* Whether a birth of `size` bytes has to take the long way. */
static inline bool ouro_alarm_is_due(const struct ouro_heap *heap, size_t size)
{
    return heap->young_objects >= heap->young_alarm || heap->bytes_live + size > heap->bytes_alarm;
}

/* An object in a page, with its gc word, but for the zeros; NULL: there is no room. */
static inline gc_object *ouro_page_allocate(struct ouro_heap *heap, struct ouro_page *page, size_t size,
                                        uint32_t word)
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

/* The slow half: another page, an alarm, the profiler. Called by the inline half only. Returns, fails and runs
 * what gc_new does. */
OURO_API OURO_MUST_USE OURO_NEW void *ouro_new_slow(gc_heap *heap, const gc_type *type,
                                                  const char *where) OURO_NONNULL;

/* gc_new, inline where the compiler knows the type, as it does with optimisation if that is a
 * constant, and objects of it are small. Else it is gc_new_at. What a program calls is gc_new.
 * Inlined in every build, so that the innermost call frame of a birth is that of the program. */
static OURO_ALWAYS_INLINE OURO_MUST_USE OURO_NEW void *
ouro_new(gc_heap *heap, const gc_type *type, const char *where)
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

/* Make an object with a tail of `count` items of type->item_size bytes, zeroed. The tail starts
 * where the struct's flexible array member is: at type->size, which then is offsetof(struct,
 * items). Else as gc_new.
 * Errors  GC_ERR_SIZE when the size overflows, before anything else happens. A type without
 * item_size is a panic. */
#define gc_new_var(heap, type, count) gc_new_var_at((heap), (type), (count), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW void *gc_new_var_at(gc_heap *heap, const gc_type *type,
                                                    size_t count, const char *where) OURO_NONNULL;

/* How many items an object's tail has; 0 for an object without. */
OURO_API size_t gc_tail_length(const void *object) OURO_NONNULL;

/* Below as gc_resize_var(&slot, count): give the object in the slot a tail of `count` items. It may
 * move; then the slot has its new address, and it is young. New items are zeroed. Items beyond
 * `count` are gone; the references among them are dropped, when refs declares the tail. Nobody but
 * the slot may hold the object, strongly or weakly, since it would be left with the old address. As
 * _PyBytes_Resize, PyObject_GC_Resize.
 * Takes   nothing: before and after, the slot owns the one reference. It must be yours during the
 *         call, and in no object that a collection may end.
 * Errors  growing: as gc_new_var. Both: GC_ERR_SHARED, when others hold the object, before or after
 *         user code has run, or when it is dying or immortal. Everything is as it was. A type
 *         without item_size is a panic, then GC_ERR_TYPE. Shrinking does not fail for lack of
 *         memory: the object stays where it is.
 * Runs    growing: as gc_new_var. Shrinking: what dropping the references runs, too.
 * Cost    moving copies the object, and is recorded by the profiler as made here. */
OURO_API gc_status gc_resize_var_at(void *slot, size_t count, const char *where) OURO_NONNULL;

/* The slow halves: saturation, death, misuse. Called by the inline halves only, which have counted
 * already. */
OURO_API void ouro_incref_slow(void *object) OURO_NONNULL;
OURO_API void ouro_decref_slow(void *object) OURO_NONNULL;

/* Take one more reference. After 2^27 of them an object becomes immortal instead. A dead object
 * is a panic. */
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

/* Drop a reference. The last one ends the object, at once: finalize, the references it holds
 * dropped, destroy, memory free. Objects that die by it die in a queue, not in a recursion, and
 * when an object dies inside one of your callbacks it waits for that queue. A dead object is a
 * panic.
 * Runs  finalize, clear, destroy of every object that dies, callbacks of weak references to it. */
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

/* The same for a pointer that may be NULL. */
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

/* How many references an object has, as sys.getrefcount without its own argument. Immortal
 * objects answer with a number above 2^27. */
static inline size_t gc_refcount(const void *object)
{
    return ((const gc_object *)object)->refs / OURO_REFS_ONE + (size_t)1;
}

/* Whether the caller's reference is the only one, so that the object may be changed in place with
 * nobody noticing. Weak references do not count. */
static inline bool gc_is_unique(const void *object)
{
    return gc_refcount(object) == 1;
}

/* Take one more reference, unless the object is dying or a collection is about to clear it: as
 * gc_weak_get does, but for a pointer of your own that is not counted, and that destroy takes away.
 * The object may not be gone: its destroy has not returned yet.
 * Returns  whether the caller has a reference now. */
OURO_API OURO_MUST_USE bool gc_try_incref(void *object) OURO_NONNULL;

/* Let an object live until its heap is freed: counting stops, and it always counts as referenced
 * from outside. */
OURO_API void gc_make_immortal(void *object) OURO_NONNULL;
static inline bool gc_is_immortal(const void *object)
{
    return OURO_IS_IMMORTAL(((const gc_object *)object)->refs);
}

/* Drop all references that an object holds, now: its type's clear, then what refs declares. The
 * object lives on, empty. Not for a generator: that is closed.
 * Runs  clear, and what dropping runs; the caller holds a reference meanwhile. */
OURO_API void gc_drop_references(void *object) OURO_NONNULL;

/* The type and the heap of a live object. */
OURO_API const gc_type *gc_type_of(const void *object) OURO_NONNULL;
OURO_API gc_heap *gc_heap_of(const void *object) OURO_NONNULL;

/* Make the heap forget a type, before the module that holds it is unloaded (see section 4). What
 * the heap knows of it is reused, or goes back when nothing else is in the same 16 KiB.
 * Cost    a walk over all pages and types.
 * Runs    finalizers and callbacks of garbage that an unfinished incremental collection found.
 * Errors  GC_ERR_BUSY while an object of it is alive or dying, and inside callbacks. */
OURO_API gc_status gc_type_forget(gc_heap *heap, const gc_type *type) OURO_NONNULL;

/* The slot helpers, below as gc_clear, gc_set, gc_set_steal, gc_take, gc_swap and gc_newref: in
 * C macros that check that the argument is the address of a pointer, in C++ templates. `slot` is
 * the address of the pointer; a pointer of any object type is read and written as bytes, so no
 * aliasing rule is broken. */
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
static inline OURO_NEW void *ouro_newref(void *object)
{
    gc_incref(object);
    return object;
}
static inline void ouro_slot_clear(void *slot)
{
    gc_xdecref(ouro_slot_take(slot));
}

/* A local variable that owns its reference and drops it at the end of its scope, whichever way that
 * is left:
 *
 *     OURO_AUTO struct node *node = gc_new(heap, &node_type);
 *     ...
 *     return gc_take(&node);      hands it on instead
 *
 * gcc and clang only; elsewhere it is not defined. Initialize the variable where it is declared, if
 * with NULL. Several are dropped in reverse order; that runs what dropping runs. `return node`
 * returns what has just been dropped. longjmp and exit drop nothing, nor does the end of a thread.
 * It may not span a yield of a generator. */
#if OURO_HAS_ATTRIBUTE(cleanup)
#define OURO_AUTO __attribute__((cleanup(ouro_slot_clear)))
#endif

/* Call from a type's traverse, once for each owned reference; NULL is allowed. */
struct gc_visitor {
    void **next; /* where the next reference goes */
    void **end;  /* full here */
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

/* (7) Collecting
 * ==============
 * Generation 0 holds the young, who have not met a collection yet, or one that came by itself and left
 * next to none of them; generation 1 the old.
 * Collections start by themselves when a threshold is passed, unless disabled. Inside a collection,
 * and inside gc_unreachable, another one does nothing.
 *
 * The old are collected in slices, a cycle of them, between which the program runs: how long it is
 * stopped does not depend on how much is alive. A cycle finds what was garbage when it began, and what
 * dies of that may wait for later slices, dying. What takes over the whole heap, as gc_collect and the
 * calls that look at objects do, ends a cycle first, which costs a walk over all containers, and what its
 * slices have found, with all that runs by it. Inside callbacks, and for gc_check, that waits.
 */

/* Collect everything, now, as gc.collect.
 * Returns  how many containers were freed, plus the uncollectable; leaves and the resurrected do
 * not count.
 * Runs     callbacks of weak references to garbage, finalize of all of it, watchers, then clear and
 *          destroy.
 * Errors   none. Called while a collection is running it does nothing and returns 0.
 * Cost     two passes over the containers and their references. It allocates nothing. */
OURO_API size_t gc_collect(gc_heap *heap) OURO_NONNULL;

/* Collect generation 0 (the young; the survivors are old) or 1 (all). Else as gc_collect. A young
 * object with more than 8192 references in declared arrays becomes old unseen: that takes long.
 * Errors  GC_ERR_RANGE as gc_last_error, and 0: another generation. */
OURO_API size_t gc_collect_generation(gc_heap *heap, int generation) OURO_NONNULL;

/* Lend idle time: do what is due, for about `budget_ns` (0: nothing). What waits to be destroyed
 * goes first (gc_config.destroy_ns), in calls of its own. The collection of the old goes
 * on in slices of that length; one of the young, a traverse, or the last look at what was found may
 * take longer, as the manual says. Where slice_ns is SIZE_MAX what is due is done at once.
 * Returns true while there is more to do: a cycle is under way, and may go on, or something waits
 *         to be destroyed. In a heap that is disabled, and inside a collection, no cycle may go on.
 * Runs    as gc_collect. */
OURO_API bool gc_step(gc_heap *heap, uint64_t budget_ns) OURO_NONNULL;

/* Allow or forbid the collections that start by themselves; not counted. Returns whether they
 * were allowed before. The collection before gc_new gives up runs in any case. A cycle that is under
 * way waits meanwhile, and what has died of it. */
OURO_API bool gc_enable(gc_heap *heap) OURO_NONNULL;
OURO_API bool gc_disable(gc_heap *heap) OURO_NONNULL;
OURO_API bool gc_is_enabled(const gc_heap *heap) OURO_NONNULL;

/* A place where a collection that is due may run, and what waits to be destroyed goes on for
 * destroy_ns.
 * Runs  as gc_collect, when one is due. */
OURO_API void gc_safepoint(gc_heap *heap) OURO_NONNULL;

/* Read and set the thresholds; the new ones hold at once. What is read has no zeros left. How far
 * they are reached is in gc_stats: generations[0].objects, bytes_grown_young, bytes_grown_old. */
OURO_API void gc_get_thresholds(const gc_heap *heap, gc_thresholds *thresholds) OURO_NONNULL;
OURO_API void gc_set_thresholds(gc_heap *heap, const gc_thresholds *thresholds) OURO_NONNULL;

/* Where an object can be. */
enum {
    GC_LEAF = -1,  /* nowhere: it has no references, and no collection looks at it */
    GC_YOUNG = 0,  /* has not met a collection yet */
    GC_OLD = 1,    /* has */
    GC_FROZEN = 2, /* set aside by gc_freeze */
    GC_SAVED = 3,  /* garbage that GC_DEBUG_SAVE_ALL has kept */
};

/* Set everything that is alive now aside, as gc.freeze: no collection examines it, and what it
 * refers to counts as referenced from outside; so garbage in it stays. Frozen objects die by count
 * as ever, and their memory goes back. Nothing is born in their pages until three quarters of a
 * page are dead, and a collection writes to none of them, so after a fork they stay shared with the
 * child: gc_disable early in the parent, gc_freeze before the fork, gc_enable in the child. When
 * something is frozen already, pages with room stay open to births instead: no page is lost each
 * time, but a page may be shared no more. A frozen object that its finalizer resurrects is old
 * again. The thresholds for collecting everything count from here on without what is frozen.
 * Returns  how many containers it froze; 0 inside a collection, or a visitor: nothing happened.
 *          gc_stats has how many are frozen now: objects_frozen.
 * Runs     finalizers and callbacks of garbage that an unfinished incremental collection found.
 * Cost     a step for each container that is not frozen, and for each 4 MiB of those that are. Of
 *          memory: the first call loses up to a page of 64 KiB for each type and size, and the
 *          holes in pages; those that follow lose at most a quarter of what they freeze. */
OURO_API size_t gc_freeze(gc_heap *heap) OURO_NONNULL;

/* All that is frozen is old again, as gc.unfreeze. Returns how many containers that were; 0 inside
 * a collection, or a visitor: nothing happened.  Cost  all containers. */
OURO_API size_t gc_unfreeze(gc_heap *heap) OURO_NONNULL;

/* Why a collection starts. */
typedef enum gc_reason {
    GC_REASON_CALL = 0,      /* gc_collect, gc_collect_generation */
    GC_REASON_OBJECTS = 1,   /* thresholds.young_objects */
    GC_REASON_BYTES = 2,     /* thresholds.young_bytes */
    GC_REASON_GROWTH = 3,    /* thresholds.old_growth_percent, old_bytes, trash_percent; of the
                              * young: everything is about to be collected */
    GC_REASON_SHORTAGE = 4,  /* memory or limit is short */
    GC_REASON_HEAP_FREE = 5, /* gc_heap_free */
    GC_REASON_STRESS = 6,    /* gc_config.stress */
} gc_reason;

/* One collection. */
typedef struct gc_collection {
    size_t size;    /* bytes that ouro has filled in: fields beyond are not there */
    int generation; /* 0 or 1 */
    gc_reason reason;
    /* For stop; before that they are 0. */
    uint64_t examined;      /* containers */
    uint64_t collected;     /* containers freed */
    uint64_t uncollectable; /* found unreachable, but no clear broke their circle */
    uint64_t resurrected;   /* found unreachable, and brought back by a finalizer */
    uint64_t saved;         /* found unreachable, and kept: GC_DEBUG_SAVE_ALL */
    uint64_t duration_ns;   /* from before the start hooks on */
    /* Of one in slices; at once it has none, and these are 0. */
    uint64_t slices;   /* duration_ns is the sum of them */
    uint64_t rounds;   /* 1: over all the old; further ones over what was suspect after the last */
    uint64_t suspects; /* left by the first round, to be examined exactly */
} gc_collection;

/* What wants to know of collections, as a function in gc.callbacks. It is yours: static, or in a
 * struct of yours; fill in what you need and leave `next` alone. */
typedef struct gc_hook gc_hook;
struct gc_hook {
    /* A collection is to start. Returns whether it may: false and there is none, the hooks after
     * this one are not asked, and no stop is called. NULL: it may. */
    bool (*start)(gc_heap *heap, const gc_collection *collection, void *arg);
    /* A collection is over; the statistics have it. NULL: nothing to do. One in slices that was cut
     * short (by gc_collect or a look at the heap) has found nothing, is not in the statistics, and
     * has its stop before the next start. */
    void (*stop)(gc_heap *heap, const gc_collection *collection, void *arg);
    void *arg;     /* for both */
    gc_hook *next; /* ouro's own */
};

/* Add a hook, or remove it. The one added last is called first. Both may be called in hooks, also to
 * remove the one that runs: the others are called as if nothing had happened, and one that is added
 * meanwhile is not called by the same start or stop. Hooks may do everything but free the heap; a
 * collection inside does nothing. When a hook keeps a collection of the young from starting that was
 * due by itself, the next birth asks again; one of everything, when an eighth of what makes it due
 * has been born.
 * Takes   the hook stays yours, and in place until it is removed or the heap freed.
 * Errors  adding one that is there, or removing one that is not, is a panic. */
OURO_API void gc_hook_add(gc_heap *heap, gc_hook *hook) OURO_NONNULL;
OURO_API void gc_hook_remove(gc_heap *heap, gc_hook *hook) OURO_NONNULL;

/* What collections say and keep, as gc.set_debug. Lines go to the message hook. */
enum {
    GC_DEBUG_STATS = 1,         /* a line for each collection */
    GC_DEBUG_COLLECTABLE = 2,   /* a line for each container found unreachable */
    GC_DEBUG_UNCOLLECTABLE = 4, /* a line for each that no clear could free */
    /* Garbage is finalized, but then kept, as gc.garbage: gc_each_object(heap, GC_SAVED, ...)
     * visits it. It counts in what gc_collect returns, and not as collected. Each has a reference
     * more, from being kept. */
    GC_DEBUG_SAVE_ALL = 8,
};

/* Set the GC_DEBUG_ flags. Returns those before. */
OURO_API unsigned gc_set_debug(gc_heap *heap, unsigned flags) OURO_NONNULL;
OURO_API unsigned gc_get_debug(const gc_heap *heap) OURO_NONNULL;

/* Let go of all garbage that was saved, as gc.garbage.clear(): what the references from being kept
 * held dies, circles are left to the next collection.
 * Returns how many objects that were.
 * Runs     finalizers and callbacks of garbage that an unfinished incremental collection found, and
 *          what dropping references runs; no collection. */
OURO_API size_t gc_release_saved(gc_heap *heap) OURO_NONNULL;

/* (8) Weak references and watchers
 * ================================
 * A weak reference leads to an object without keeping it alive: for caches, for observers, for the
 * way back from a child to its parent.
 *
 *     gc_weak *parent = gc_weak_new(node, NULL, NULL);
 *     struct node *node = gc_weak_get(parent);      new, or NULL: it is dead
 *     ...
 *     gc_xdecref(node);
 *     gc_decref(parent);
 *
 * A gc_weak is an object itself, owned and dropped like any other. Dropping it is how it ends: one
 * that dies before its object does not call back.
 *
 * When an object's count reaches zero, weak references to it read NULL from then on; its finalizer
 * runs, and if that resurrects it they read it again. If not, all are dead for good before the
 * first callback runs; callbacks and watchers run newest first; then its references are dropped.
 * What a slice has no time to call is called in the next one, after that.
 *
 * A collection ends those with callbacks first, before the finalizers, whatever those resurrect
 * then; after them the others, and watchers, but only of what is garbage still. Where that takes
 * several slices the others read NULL between them. At the end of the heap watchers run, and no
 * other callbacks.
 *
 * Either way they end before anything is cleared: no weak reference ever yields a dying or a
 * half-cleared object. A weak reference that is dying itself, or garbage that the same collection has
 * found, does not call back.
 */

/* Called when the object is dead; `weak` is lent, and reads NULL. Once for each weak reference. When
 * a slice has ended the object, it may wait until the cycle is over, or the next if that is cut
 * short; so it may while garbage is being cleared or freed, which may own the weak reference. May do
 * everything but free the heap. Whatever it does, errors and misuse included, the others run. If
 * `arg` is an object that owns the weak reference, it may be dying: gc_try_incref tells. */
typedef void (*gc_weak_fn)(gc_weak *weak, void *arg);

/* Make a weak reference to an object. Without callback (NULL) it is shared: all who ask for the
 * same object get the same one, as weakref.ref. `arg` is for the callback; it is kept, not counted.
 * In statistics one with a callback is a container, one without a leaf.
 * Returns  new, or NULL: no memory, as gc_new; or the object is dead, which is a panic. One that is
 *          made while its object is dying, in finalize, clear or destroy, reads NULL at least until
 *          the object has been resurrected.
 * Runs     as gc_new.
 * Cost     a constant; the heap's table of them grows and shrinks in steps of one object each.
 *          Dropping one is a constant too, however many an object has. */
#define gc_weak_new(object, callback, arg) gc_weak_new_at((object), (callback), (arg), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW gc_weak *gc_weak_new_at(void *object, gc_weak_fn callback,
                                                        void *arg, const char *where);

/* The object that a weak reference leads to.
 * Returns  new, or NULL: it is dead, or dying, or about to be cleared.  Cost  no allocation. */
OURO_API OURO_MUST_USE OURO_NEW void *gc_weak_get(gc_weak *weak) OURO_NONNULL;

/* Have a callback run when an object is dead, or else when the heap is freed, as weakref.finalize.
 * The heap keeps a watcher, nobody else needs to. In a collection it runs only when no finalizer
 * has resurrected the object, unlike the callback of a weak reference. At the end of the heap all
 * watchers run first, the latest first, while everything is whole.
 * Returns  new, a weak reference like others until it runs, for gc_unwatch; or to drop at once:
 *          gc_xdecref(gc_watch(object, callback, arg)). NULL: as gc_weak_new; or there is no
 *          callback, which is a panic.
 * Runs     as gc_new. */
#define gc_watch(object, callback, arg) gc_watch_at((object), (callback), (arg), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW gc_weak *gc_watch_at(void *object, gc_weak_fn callback, void *arg,
                                                     const char *where);

/* Take a watcher away: it will not run. The caller's reference to it stays his, and reads NULL.
 * Returns  whether it was still to run. */
OURO_API bool gc_unwatch(gc_weak *watcher) OURO_NONNULL;

/* (9) Statistics
 * ============== */

typedef struct gc_generation_stats {
    uint64_t collections;    /* a full collection is one of generation 1 only */
    uint64_t collected;      /* containers freed by them */
    uint64_t uncollectable;  /* found unreachable, but no clear broke their circle */
    uint64_t resurrected;    /* found unreachable, and brought back by a finalizer or a callback */
    uint64_t objects;        /* containers in the generation now */
    uint64_t pause_ns_total; /* time inside these collections */
    uint64_t pause_ns_max;   /* the longest of them */
} gc_generation_stats;

/* What a pause was for. A slice counts for the phase in which it begins. */
typedef enum gc_phase {
    GC_PHASE_YOUNG = 0,   /* a collection of the young, at once */
    GC_PHASE_FULL = 1,    /* one of everything, at once */
    GC_PHASE_PROMOTE = 2, /* slices: the young become old, */
    GC_PHASE_COUNT = 3,   /* the references among the old are counted, */
    GC_PHASE_MARK = 4,    /* what has others is marked, and all it reaches, */
    GC_PHASE_SWEEP = 5,   /* the rest is suspect, */
    GC_PHASE_RECHECK = 6, /* and examined exactly; garbage ends here, what is large */
    GC_PHASE_FREE = 7,    /* or dies with it, here */
    /* What the program's own decref destroyed, or a birth in its place (gc_config.destroy_ns):
     * drains of more than 256 objects, from the 256th on, or from a declared array of more than
     * 8192 references on. Shorter ones, and those inside visitors, do not read the clock.
     * Collections inside are counted as such instead. No slice waits for it: the rest after a pause
     * is for those of collections. */
    GC_PHASE_DESTROY = 8,
    GC_PHASES = 9, /* how many there are */
} gc_phase;

/* Pauses: how many, and how long. A percentile is the end of a bucket, not above ns_max: it is too
 * long by a quarter at most, or by a microsecond. */
typedef struct gc_pauses {
    uint64_t count;
    uint64_t ns_total;
    uint64_t ns_p50;   /* half of them were no longer */
    uint64_t ns_p99;   /* all but one in 100 */
    uint64_t ns_p9999; /* all but one in 10000 */
    uint64_t ns_max;
} gc_pauses;

typedef struct gc_stats {
    gc_generation_stats generations[2];
    uint64_t objects_live;    /* containers and leaves */
    uint64_t objects_born;    /* since the heap was made */
    uint64_t objects_died;    /* by count and by the collector */
    uint64_t died_by_count;   /* those no collection found: of doomed owners, the leaves too */
    uint64_t finalized;       /* finalizers called */
    uint64_t bytes_live;      /* slots in use, 0 when nothing lives */
    uint64_t bytes_live_peak; /* the most that bytes_live ever was */
    uint64_t bytes_external;  /* gc_external_add less gc_external_remove */
    uint64_t bytes_reserved; /* taken from the page source; bytes_resident tells how much is used */
    uint64_t bytes_limit;    /* 0: none */
    uint64_t pause_ns_total; /* time inside collections and long drains: all phases */
    uint64_t pause_ns_max;   /* the longest of them */
    uint64_t pages;          /* in use */
    uint64_t segments;       /* taken from the page source */
    uint64_t objects_frozen; /* containers set aside by gc_freeze; in no generation */
    uint64_t bytes_grown_young; /* live and external, since the last collection */
    uint64_t bytes_grown_old;   /* the same, since the last of everything */
    gc_pauses pauses;           /* all of them */
    gc_pauses phases[GC_PHASES];
    uint64_t
        bytes_trash; /* an estimate of the garbage: live and external, without the frozen, beyond
                           * what the last full collection found alive */
    uint64_t slices_late; /* slices that did not wait for the program to have its share of the time:
                           * see gc_config.trash_percent */
    /* Of bytes_reserved, those not in segments: the heap itself, its tables of segments, types and
     * weak references, and the profiler. Tables shrink with what is in them, to a block of 16 KiB
     * each. */
    uint64_t bytes_tables;
    /* Objects that are dead and wait for their end, by destroy_ns or for a slice; objects_live has
     * them still. What only they refer to is alive as yet, and not among them. */
    uint64_t objects_waiting;
    /* bytes_reserved less the pages that were not used since they came from the system, or went back to it
     * (gc_config.purge_ns): the most that the heap can have of the machine's memory. Pages of a page_source
     * count all. */
    uint64_t bytes_resident;
} gc_stats;

/* Fill in the statistics of a heap.  Cost  the number of pages; and after a second gc_freeze, of
 * objects in pages of which some are frozen. */
OURO_API void gc_get_stats_sized(gc_heap *heap, gc_stats *stats, size_t size) OURO_NONNULL;
static inline void gc_get_stats(gc_heap *heap, gc_stats *stats)
{
    gc_get_stats_sized(heap, stats, sizeof(*stats));
}

/* Print them as a small table for people. */
OURO_API void gc_stats_print(gc_heap *heap, FILE *file) OURO_NONNULL;

/* The objects of one type. */
typedef struct gc_type_stats {
    const gc_type *type;
    uint64_t objects;      /* alive */
    uint64_t bytes;        /* their slots */
    int64_t objects_grown; /* since the answer before */
    int64_t bytes_grown;
    uint64_t pages;       /* of 64 KiB, that its objects have for themselves */
    uint64_t bytes_pages; /* of these, or of the blocks of objects of more than 1 MiB */
    uint64_t slots_free;  /* in the pages: so many objects have room, if they are of one size */
} gc_type_stats;

/* How many objects there are of each type: the commonest first, then the largest. `stats` has room
 * for `count`; what is left of it is zeroed. Zeroed before the first call and given again to the
 * next, it tells what has grown since: types are compared with what it says of them, and those
 * whose objects are gone are among the answers once more.
 *
 *     gc_type_stats stats[100] = { 0 };
 *     gc_get_type_stats(heap, stats, 100);
 *     work();
 *     gc_get_type_stats(heap, stats, 100);          stats[0].objects_grown, ...
 *
 * Returns how many types there are to tell of; `count` larger than that loses none.
 * Cost    the number of pages and types, not of objects: a few microseconds for a million objects
 *         of ten types. */
OURO_API size_t gc_get_type_stats_sized(gc_heap *heap, gc_type_stats *stats, size_t count,
                                        size_t size) OURO_NONNULL;
static inline size_t gc_get_type_stats(gc_heap *heap, gc_type_stats *stats, size_t count)
{
    return gc_get_type_stats_sized(heap, stats, count, sizeof(*stats));
}

/* (10) Looking at objects
 * ======================
 * What slices have found ends before, as in gc_collect, and whatever may run in that runs then; so hold
 * what you ask about. Else asking changes nothing: no count, no statistics, no threshold, no generation.
 * It does write to the collector's word of objects, and gc_why_alive and gc_check to that of the frozen,
 * too.
 *
 * These calls lend objects to a visitor: borrowed, valid during the call unless the visitor takes a
 * reference. Dying objects, and those that a running collection has found unreachable, are passed
 * over. What the visitor returns, if not 0, ends the call and is its result; else it is 0.
 *
 * A visitor may make objects, take, move and drop references, even the last ones to the object it is
 * shown, and ask further. What would pull the ground away does nothing meanwhile, and says so:
 *
 *     gc_collect and its kin, thresholds      wait: no collection, 0
 *     gc_unreachable                          visits nothing, 0
 *     gc_freeze, gc_unfreeze, gc_heap_trim    0
 *     gc_type_forget                          GC_ERR_BUSY
 *     gc_heap_free                            panic
 */

/* Every container a full collection would find unreachable, with nothing freed, finalized or
 * changed. Cost  as gc_collect. Inside a collection, or a visitor of these calls: visits nothing,
 * returns 0. */
OURO_API int gc_unreachable(gc_heap *heap, gc_object_fn visit, void *arg);

/* Every container of a generation (GC_YOUNG, GC_OLD), or the frozen or the saved (GC_FROZEN,
 * GC_SAVED), or with -1 every object, leaves too, as gc.get_objects. Objects born meanwhile are not
 * visited; by gc_referrers and gc_unreachable neither.
 * Errors  GC_ERR_RANGE, also as gc_last_error: another generation. Nothing is visited. */
OURO_API int gc_each_object(gc_heap *heap, int generation, gc_object_fn visit, void *arg);

/* Every container that refers to an object, each once, as gc.get_referrers; the frozen are among
 * them. The object cannot die before the call is over. An object of another heap is a panic.
 * Cost  all containers and their references. */
OURO_API int gc_referrers(gc_heap *heap, void *object, gc_object_fn visit, void *arg);

/* Every object that an object refers to, once for each reference, as gc.get_referents. The
 * visitor may not change the object it is about, nor end one of those it refers to. An unfinished
 * incremental collection goes on afterwards.  Cost  the references of the object. */
OURO_API int gc_referents(void *object, gc_object_fn visit, void *arg);

/* Whether objects of its type have references, as gc.is_tracked: leaves have not. */
OURO_API bool gc_is_container(const void *object) OURO_NONNULL;

/* Whether its finalize has run, as gc.is_finalized. */
static inline bool gc_is_finalized(const void *object)
{
    return (((const gc_object *)object)->refs & OURO_REFS_FINALIZED) != 0;
}

/* Where an object is: GC_YOUNG, GC_OLD, GC_FROZEN or GC_SAVED. GC_LEAF: of a leaf, and of any object
 * that is dying. What a running collection has found unreachable is GC_OLD. */
OURO_API int gc_generation_of(const void *object) OURO_NONNULL;

/* An object on a way that keeps another alive. */
typedef struct gc_holder {
    void *object;      /* borrowed */
    size_t references; /* that it has, as gc_refcount */
    size_t explained;  /* how many of them containers hold */
} gc_holder;

/* Why an object is alive: the shortest way to it that begins with a reference which no object
 * accounts for, one in a variable or one that was never dropped. path[0] is the object that has it,
 * the last one is the object asked about; path[0].references - path[0].explained are unaccounted
 * for. Garbage explains references like others, for it holds them. The first `count` of the way
 * are stored; `path` may be NULL when that is 0.
 * Returns  how long the way is; 0: there is none, the object is garbage. GC_ERR_NOMEM.
 * Errors   GC_ERR_NOMEM. An object of another heap is a panic, then 0.
 * Runs     finalizers and callbacks of garbage that an unfinished incremental collection found;
 *          then traverse.
 * Cost     two passes over all containers and their references, and 16 bytes of memory for each
 *          container, until it returns. */
OURO_API ptrdiff_t gc_why_alive_sized(gc_heap *heap, void *object, gc_holder *path, size_t count,
                                      size_t size);
static inline ptrdiff_t gc_why_alive(gc_heap *heap, void *object, gc_holder *path, size_t count)
{
    return gc_why_alive_sized(heap, object, path, count, sizeof(*path));
}

/* Print that for people: "node at 0x7f0012345678: 3 references, 2 explained by:", who they are, and
 * the way. Returns 0 or GC_ERR_NOMEM, then nothing is printed. Else as gc_why_alive. */
OURO_API int gc_why_alive_print(gc_heap *heap, void *object, FILE *file) OURO_NONNULL;

/* (11) The memory profiler
 * ========================
 * Which lines of your program hold the memory: what tracemalloc does for Python. While it is on,
 * every gc_new and gc_new_var is recorded with its file and line until the object dies. While it is
 * off it costs nothing. When it is short of memory itself it drops the record and counts that, and
 * the allocation goes on.
 *
 * What is on record takes 56 bytes or more for each place that allocates, and more memory with
 * tracked buffers. Buffers leave their tables at once. Places that have nothing on record are
 * forgotten when they take more than 1 MiB and room for others is needed, and in gc_heap_trim;
 * after that messages about dead objects do not say where they were made.
 *
 *     gc_profile_start(heap, 1);
 *     build_graph(heap);
 *     gc_snapshot *snapshot = gc_snapshot_take(heap);
 *     gc_snapshot_print(snapshot, GC_BY_LINE, 10, stdout);
 *     gc_snapshot_free(snapshot);
 */

typedef struct gc_profile_stats {
    uint64_t objects;    /* on record, tracked buffers too */
    uint64_t bytes;      /* their bytes: an object's slot, a buffer's size */
    uint64_t bytes_peak; /* the most that was, since the start or gc_profile_reset_peak */
    uint64_t dropped;    /* records that were lost for lack of memory */
    uint64_t bytes_own;  /* what the profiler itself takes */
} gc_profile_stats;

/* Begin to record, with up to `frames` (1 to 64) call frames for each allocation: 1 is the line
 * alone, more are taken by walking the stack, and cost accordingly. Reports give frames their file
 * and line where debug information and libdw are there (see the manual), else function and offset.
 * The first is the call of gc_new, gc_new_var or gc_profile_track in the program. What makes objects by
 * other functions of ouro's has these before it, and they count; reports with lines leave them out.
 * When it is on already, `frames` changes nothing.
 * Errors  GC_ERR_NOMEM. GC_ERR_RANGE: frames, or more than one where the stack cannot be walked. */
OURO_API gc_status gc_profile_start(gc_heap *heap, unsigned frames) OURO_NONNULL;

/* Stop, and forget all records. */
OURO_API void gc_profile_stop(gc_heap *heap) OURO_NONNULL;

/* Forget all records, and the peak, and go on. Memory beyond the first block of each table goes
 * back. */
OURO_API void gc_profile_clear(gc_heap *heap) OURO_NONNULL;
OURO_API bool gc_profile_is_on(const gc_heap *heap) OURO_NONNULL;

/* Fill in the profiler's own statistics; all are zero while it is off. */
OURO_API void gc_profile_get_stats_sized(const gc_heap *heap, gc_profile_stats *stats, size_t size)
    OURO_NONNULL;
static inline void gc_profile_get_stats(const gc_heap *heap, gc_profile_stats *stats)
{
    gc_profile_get_stats_sized(heap, stats, sizeof(*stats));
}
OURO_API void gc_profile_reset_peak(gc_heap *heap) OURO_NONNULL;

/* Record memory of your own: `size` bytes at `pointer`, in a domain of your choice (objects are in
 * domain 0). A pointer that is on record already is recorded anew: after realloc, untrack the old
 * one and track the new. While the profiler is off both do nothing. */
#define gc_profile_track(heap, pointer, size, domain) \
    gc_profile_track_at((heap), (pointer), (size), (domain), OURO_HERE)
OURO_API void gc_profile_track_at(gc_heap *heap, const void *pointer, size_t size, unsigned domain,
                                  const char *where) OURO_NONNULL;
OURO_API void gc_profile_untrack(gc_heap *heap, const void *pointer) OURO_NONNULL;

/* Where a live object was made: "file.c:12". NULL: it is not on record. Valid while its module is.
 */
OURO_API const char *gc_profile_site(const void *object) OURO_NONNULL;

/* The records of one moment, by line, domain, type and call frames. It belongs to no heap and may
 * outlive it, but not the types and modules that it names. */
typedef struct gc_snapshot gc_snapshot;

/* Returns a snapshot of what is on record, for gc_snapshot_free; NULL: no memory. An empty one
 * while the profiler is off.  Cost  the number of lines, not of objects. */
OURO_API OURO_MUST_USE gc_snapshot *gc_snapshot_take(gc_heap *heap) OURO_NONNULL;
OURO_API void gc_snapshot_free(gc_snapshot *snapshot); /* NULL is allowed */

/* What records are added up by. */
typedef enum gc_group {
    GC_BY_LINE = 0,
    GC_BY_FILE = 1,
    GC_BY_TRACEBACK = 2,  /* line and all call frames, by their addresses */
    GC_BY_TYPE = 3,       /* type of the objects; buffers are "(domain 7)" */
    GC_BY_CUMULATIVE = 4, /* each line of a traceback gets it all, once: sums exceed the total */
} gc_group;

/* One group. Its strings are valid until the call that visits the groups returns. */
typedef struct gc_statistic {
    const char *name;    /* "file.c:12", "file.c", a type's, or "function+0x1c" of a frame */
    const char *file;    /* what is before the line in `name`; NULL: of types and such frames */
    unsigned line;       /* 0: none */
    void *const *frames; /* GC_BY_TRACEBACK: return addresses, the innermost first, all on record */
    size_t frame_count;
    uint64_t bytes, count;
    int64_t bytes_diff, count_diff; /* gc_snapshot_compare: newer less older */
} gc_statistic;
typedef int (*gc_statistic_fn)(const gc_statistic *statistic, void *arg);

/* Keep what a filter describes; or, exclusive, drop it. A field that is 0 or NULL says nothing.
 * Globs know `*` and `?`. */
typedef struct gc_profile_filter {
    bool exclusive;
    bool by_domain; /* look at domain at all */
    unsigned domain;
    const char *file; /* a glob for the file's name */
    unsigned line;
    const char *type; /* a glob for the type's name */
} gc_profile_filter;

/* Returns a new snapshot with the records that match one of the inclusive filters (or there are
 * none) and none of the exclusive ones, as Snapshot.filter_traces; NULL: no memory. */
OURO_API OURO_MUST_USE gc_snapshot *
gc_snapshot_filter(const gc_snapshot *snapshot, const gc_profile_filter *filters, size_t count);

/* Visit the groups of a snapshot, those with the most bytes first (then count, then name), as
 * Snapshot.statistics. Returns the visitor's result, or GC_ERR_NOMEM.
 * Cost  as sorting the lines. By GC_BY_CUMULATIVE, and in print by GC_BY_TRACEBACK: some milliseconds
 *       to load libdw and to read debug information, and some ten microseconds for each call. */
OURO_API int gc_snapshot_statistics(const gc_snapshot *snapshot, gc_group group,
                                    gc_statistic_fn visit, void *arg);

/* Visit the groups of two snapshots, those whose bytes changed most first (then bytes, change of
 * count, count, name), as Snapshot.compare_to. Else the same. */
OURO_API int gc_snapshot_compare(const gc_snapshot *newer, const gc_snapshot *older, gc_group group,
                                 gc_statistic_fn visit, void *arg);

/* Print the first `top` groups for people, with the line of source where it can be read, what the
 * others have, and the total: of one snapshot, or of what changed from an older one, where what did
 * not change is among the others. Returns 0 or GC_ERR_NOMEM, then nothing is printed.
 * Cost  as gc_snapshot_statistics. Each file of source is read once, up to the last line that is
 *       shown, with 168 bytes of memory for each group. */
OURO_API int gc_snapshot_print(const gc_snapshot *snapshot, gc_group group, size_t top, FILE *file);
OURO_API int gc_snapshot_print_compare(const gc_snapshot *newer, const gc_snapshot *older,
                                       gc_group group, size_t top, FILE *file);

/* (12) Generators
 * ===============
 * A generator is an object that makes other objects, its items, one at a time and when they are
 * asked for: a million of them through the space of one. It has no stack of its own. Its state is
 * its fields, so the collector sees all it holds, and a suspended one costs its struct.
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
 * A generator is *closed* when its body ends, by gc_generator_close, and when it dies. That closes
 * whom it delegates to, the innermost first, runs its cleanup, once, and drops all it holds, at
 * once, even if it never began. It is *busy* while it runs, and while another pulls from it or
 * delegates to it: next and close are refused meanwhile.
 *
 * Who owns what. An item is a new reference, handed on to whoever asked. What uses a generator up
 * takes over the reference to it, as OURO_STEALS says, so that calls nest as above; that is all
 * here but gc_generator_next, gc_generator_close and gc_generator_pull. To keep a generator, give
 * gc_newref of it. A generator that is NULL, since it could not be made, makes the call's answer
 * NULL, 0 or nothing.
 *
 * The end and a failure look alike, a NULL item. Where that matters, gc_set_error(heap, GC_OK)
 * before, and ask gc_last_error after.
 *
 * No call recurses, however many generators delegate to or pull from each other.
 */

typedef struct gc_generator gc_generator;

/* The head of every generator: put it first in your struct, under the name `generator`. */
struct gc_generator {
    gc_object object;
    gc_generator *source; /* owned: pulled from now, or the innermost of its delegates */
    gc_generator *outer;  /* owned: of a delegate, what goes on after it; else its outermost one */
    gc_generator *consumer; /* who gets the item; while it runs */
    void *slot;             /* where the item that it pulls goes; NULL: it does not pull */
    uint32_t line; /* of OURO_YIELD, where the body goes on; 0: start; OURO_LINE_LAST: end */
    uint32_t flags;
};

#define OURO_LINE_LAST UINT32_MAX

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

    /* Called once, when the generator is closed, before its references are dropped; delegates were
     * closed before. NULL: nothing to do. May do everything; self cannot be resumed. */
    void (*cleanup)(gc_generator *self);
} gc_generator_type;

/* OURO_GENERATOR(squares, last, ...) declares the type squares_type of a struct squares, which owns
 * the references `last, ...` (none, or up to 14; as in OURO_REFS), and opens the function that is
 * its body, with `struct squares *self`. OURO_GENERATOR_CLEANUP is the same for one with a cleanup,
 * which OURO_CLEANUP(squares) { ... self ... } opens further down. The body:
 *
 *     OURO_BEGIN(self)                    first, with no declaration before it
 *     OURO_YIELD(self, item)              give an item, a new reference. NULL: ends the generator
 *     OURO_YIELD_FROM(self, generator)    give all items of another, which it takes over and
 *                                         closes when closed itself. NULL or busy: ends
 *     OURO_YIELD_REST(self, generator)    as OURO_YIELD_FROM, and ends: nothing after it runs.
 *                                         While self is a delegate it is closed at once, before the
 *                                         items, and its memory is free
 *     OURO_PULL(self, &self->item, from)  drop what the slot holds, and put the next item of
 *                                         `from` there; NULL: it has ended. NULL or busy: ends
 *     OURO_END(self)                      last; `return NULL;` ends anywhere
 *
 * Between two items the function has returned. Therefore
 * - locals do not survive these macros: keep in `self` what is needed after them. (C++ refuses to
 *   compile locals with initializers around them. Inside a block without a macro they are fine.)
 * - OURO_FOREACH must not stand around one: its generator and item are such locals. OURO_PULL.
 * - a local with __attribute__((cleanup)), or a destructor, must not span one: gcc cleans it up at
 *   the yield and, uninitialized since, once more at the end of its scope; clang and C++ refuse.
 * - none may stand inside a switch of yours: the body would end where it should go on.
 * - two on one line do not compile. */
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
        gc_generator_pull(&(self)->generator, \
                          (1 ? (void *)(slot) : (void *)(uintptr_t)(&**(slot))), (from)); \
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

/* Run a generator until its next item.
 * Returns  new; or NULL when it has ended, or failed, now or before.
 * Errors   GC_ERR_RUNNING when it is busy: nothing happened.
 * Runs     its body, and those of whom it delegates to and pulls from; cleanups. */
OURO_API OURO_MUST_USE OURO_NEW void *gc_generator_next(gc_generator *generator) OURO_NONNULL;

/* Close a generator, and before it whom it delegates to.
 * Returns  whether it is closed; false with GC_ERR_RUNNING when it is busy: nothing happened.
 * Runs     its cleanup, then what dropping references runs. */
OURO_API bool gc_generator_close(gc_generator *generator) OURO_NONNULL;

/* For types by hand. finalize: closes the generator. delegate and pull: what OURO_YIELD_FROM and
 * OURO_PULL do; self is running, `slot` is the address of one of its reference fields.
 * Runs  pull: what dropping the slot's old item runs. */
OURO_API void gc_generator_finalize(gc_object *self) OURO_NONNULL;
OURO_API void gc_generator_delegate(gc_generator *self, OURO_STEALS gc_generator *inner);
OURO_API void gc_generator_pull(gc_generator *self, void *slot, gc_generator *from);

/* What gc_generator_map and gc_generator_filter call for each item, which they lend. */
typedef OURO_NEW void *(*gc_map_fn)(void *item, void *arg);
typedef bool (*gc_filter_fn)(void *item, void *arg);

/* Lazy pipelines: what `map` returns for each item, a new reference (NULL ends it); the items for
 * which `filter` is true; the first `count` items; all of one, then all of the other. `arg` is
 * kept, not counted. Each holds one item at most. take lets go of its source with the last item
 * that it gives. The profiler records each at the line of its call.
 * Returns  new, or NULL: no memory, or NULL was given; then the generators given are dropped.
 * Runs     as gc_new; else nothing yet. */
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

/* Run a generator to its end: count the items, or collect them into a tuple, an object with a tail
 * of gc_tail_length(tuple) references at gc_tuple_items(tuple).
 * Returns  how many; collect: new, or NULL: no memory for the tuple, or NULL was given.
 * Runs     as gc_generator_next.
 * Cost     collect: twice to three times the tuple's memory while it grows. */
OURO_API size_t gc_generator_count(OURO_STEALS gc_generator *generator);
#define gc_generator_to_tuple(generator) gc_generator_to_tuple_at((generator), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW void *gc_generator_to_tuple_at(OURO_STEALS gc_generator *generator,
                                                               const char *where);
static inline void **gc_tuple_items(void *tuple)
{
    return (void **)(void *)((gc_object *)tuple + 1);
}

/* for (each item of a generator). The loop takes over the generator, and owns the item, a `type *`,
 * until the next turn: keep it with gc_newref. `continue` and `break` are fine; `return` and `goto`
 * out of the loop lose the generator and the item.
 * Runs  as gc_generator_next, and what dropping runs. */
/* clang-format off */
#define OURO_FOREACH(type, item, generator) \
    for (ouro_loop item##_loop = { (generator), NULL, true }; item##_loop.runs; \
         ouro_loop_end(&item##_loop)) \
        for (type *item; (item = (type *)ouro_loop_next(&item##_loop)) != NULL;)
/* clang-format on */

/* What a loop owns. `break` leaves the inner of the two fors, so ouro_loop_end runs in any case. */
typedef struct ouro_loop {
    gc_generator *generator;
    void *item;
    bool runs;
} ouro_loop;
static inline OURO_BORROWED void *ouro_loop_next(ouro_loop *loop)
{
    ouro_slot_set_steal(&loop->item, NULL);
    if (loop->generator != NULL) {
        loop->item = gc_generator_next(loop->generator);
    }
    return loop->item;
}
static inline void ouro_loop_end(ouro_loop *loop)
{
    ouro_slot_set_steal(&loop->item, NULL);
    ouro_slot_set_steal(&loop->generator, NULL);
    loop->runs = false;
}

/* (13) Weak maps
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
 * A map is an object, owned and dropped like any other. An entry vanishes when a weak reference
 * with callback would call; what is dying is not found even before. In a map by key, a value that
 * leads to its key keeps both alive.
 */

typedef enum gc_weak_side {
    GC_WEAK_KEYS = 0,   /* keys are objects, the same one and not an equal one; values are owned */
    GC_WEAK_VALUES = 1, /* keys are bytes, which are copied; values are not owned */
} gc_weak_side;

/* Make an empty map.  Returns  new, or NULL: as gc_new.  Runs  as gc_new. */
#define gc_weak_map_new(heap, side) gc_weak_map_new_at((heap), (side), OURO_HERE)
OURO_API OURO_MUST_USE OURO_NEW gc_weak_map *gc_weak_map_new_at(gc_heap *heap, gc_weak_side side,
                                                                const char *where) OURO_NONNULL;

/* In these three `key` is an object, and `size` does not matter; or `size` bytes, and keys whose
 * bytes are the same are the same.
 *
 * set: put a value, an object, in place of the one that the key had.
 * Returns  GC_OK, or what gc_last_error says after gc_new; then nothing has changed.
 * Runs     as gc_new, and what dropping the old value runs.
 * Cost     a constant; the map grows in small steps. */
#define gc_weak_map_set(map, key, size, value) \
    gc_weak_map_set_at((map), (key), (size), (value), OURO_HERE)
OURO_API gc_status gc_weak_map_set_at(gc_weak_map *map, const void *key, size_t size, void *value,
                                      const char *where) OURO_NONNULL;

/* Returns  new, or NULL: there is none.  Cost  no allocation. */
OURO_API OURO_MUST_USE OURO_NEW void *gc_weak_map_get(gc_weak_map *map, const void *key,
                                                      size_t size) OURO_NONNULL;

/* Returns  whether there was one.  Runs  what dropping the value runs. */
OURO_API bool gc_weak_map_remove(gc_weak_map *map, const void *key, size_t size) OURO_NONNULL;

/* How many entries there are, those included whose object is dying. */
OURO_API size_t gc_weak_map_count(const gc_weak_map *map) OURO_NONNULL;

/* Visit the entries, the latest first. They are lent; `size` is 0 where the key is an object. The
 * visitor may do everything, change the map too: what has vanished or was removed is not visited,
 * nor is what is new; a key that has another value by the time of its turn is visited with that.
 * Returns  what the visitor returned, if not 0, which ends the visit; else 0. */
typedef int (*gc_weak_map_fn)(const void *key, size_t size, void *value, void *arg);
OURO_API int gc_weak_map_each(gc_weak_map *map, gc_weak_map_fn visit, void *arg);

/* (14) Checking
 * ============= */

/* Walk the whole heap and verify ouro's invariants and your references: each leads to a live object
 * of this heap, and no object has more references than its count says. Inside a traverse it may not
 * be called.
 * Returns true when all is well, else false after the message and the panic hook.
 * Cost    all objects and references; no allocation. */
OURO_API bool gc_check(gc_heap *heap) OURO_NONNULL;

#ifdef __cplusplus
} /* extern "C" */

template <class T> inline void gc_clear(T **slot)
{
    ouro_slot_clear(slot);
}
template <class T, class U> inline void gc_set(T **slot, U *object)
{
    T *checked = object; /* a conversion that C++ allows */
    ouro_slot_set(slot, checked);
}
template <class T> inline void gc_set(T **slot, decltype(nullptr))
{
    gc_clear(slot);
}
template <class T, class U> inline void gc_set_steal(T **slot, OURO_STEALS U *object)
{
    T *checked = object;
    ouro_slot_set_steal(slot, checked);
}
template <class T> inline void gc_set_steal(T **slot, decltype(nullptr))
{
    gc_clear(slot);
}
template <class T> inline OURO_NEW T *gc_take(T **slot)
{
    return static_cast<T *>(ouro_slot_take(slot));
}
template <class T> inline void *ouro_slot(T **slot)
{
    return slot;
}
#define gc_resize_var(slot, count) gc_resize_var_at(ouro_slot(slot), (count), OURO_HERE)
template <class T> inline void gc_swap(T **slot, T **other)
{
    ouro_slot_swap(slot, other);
}
template <class T> inline OURO_NEW T *gc_newref(T *object)
{
    gc_incref(object);
    return object;
}
#else
/* `slot`, evaluated once; the part that is not evaluated does not compile unless it is the
 * address of a pointer. */
#define OURO_SLOT(slot)            (1 ? (void *)(slot) : (void *)(uintptr_t)(&**(slot)))

/* Empty the slot, then drop what it held. */
#define gc_clear(slot)             ouro_slot_clear(OURO_SLOT(slot))

/* Put an object, or NULL, into the slot: with a new reference, or with the caller's. Then drop what
 * the slot held. */
#define gc_set(slot, object)       ouro_slot_set(OURO_SLOT(slot), (object))
#define gc_set_steal(slot, object) ouro_slot_set_steal(OURO_SLOT(slot), (object))

/* Empty the slot. Returns what it held, the reference now the caller's, or NULL. */
#define gc_take(slot)              ouro_slot_take(OURO_SLOT(slot))

/* Change the length of the tail of the object that the slot holds: see gc_resize_var_at. */
#define gc_resize_var(slot, count) gc_resize_var_at(OURO_SLOT(slot), (count), OURO_HERE)

/* Exchange what two slots hold. Counts nothing. */
#define gc_swap(slot, other)       ouro_slot_swap(OURO_SLOT(slot), OURO_SLOT(other))

/* Returns the object itself, with a new reference. */
#define gc_newref(object)          ouro_newref(object)
#endif

/* Caveats
 * =======
 * - A borrowed pointer is good until you call something that "Runs" your code or drops references.
 * - Objects are found by their address: a pointer to the middle of one, to a copy of one, or to a
 *   static struct is not an object. gc_check finds such references.
 * - References from one heap's objects to another's are not allowed.
 * - gc_set and its kin write slots inside live objects or on your stack; memset over a slot leaks
 * the reference.
 * - A finalizer that takes a reference to self resurrects everything that self refers to as well.
 * - Growing a tail moves the object: pointers into it, and copies of its address, are dead.
 * - `arg` of a callback is not counted: what it points to must outlive the weak reference. To hold
 *   an object by it, drop that object in the callback, and where you drop the weak reference.
 * - The memory of objects that die is reused by the heap at once, but goes back to the system
 *   only by whole pages, some time after they became empty, as gc_config.purge_ns says. A program that
 *   neither fills pages nor collects gives nothing back unless it calls gc_step or gc_heap_trim.
 */

#endif
