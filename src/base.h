/* SPDX-License-Identifier: MIT */
#ifndef OURO_BASE_H
#define OURO_BASE_H

/* Compiler seam, assertions by level, messages and panics, arithmetic on sizes. */

#include <assert.h>
#include <stdarg.h>

#include "layout.h"

#if OURO_HAS_ATTRIBUTE(visibility) && OURO_HAS_ATTRIBUTE(noinline) && OURO_HAS_ATTRIBUTE(format)
#define OURO_INTERNAL __attribute__((visibility("hidden")))
#define OURO_NOINLINE __attribute__((noinline))
#define OURO_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))
#else
#define OURO_INTERNAL
#define OURO_NOINLINE
#define OURO_PRINTF(format_index, first_index)
#endif
#if defined(__GNUC__)
#define OURO_RETURN_ADDRESS __builtin_return_address(0)
#define OURO_FRAME          __builtin_frame_address(0)
#else
#define OURO_RETURN_ADDRESS NULL
#define OURO_FRAME          NULL
#endif

/* OURO_CHECKS: 0 none, 1 api (what the caller owes us and costs a little), 2 invariant (what we
 * owe ourselves), 3 full (the whole heap around every collection). Checks that cost nothing
 * measurable are always in. */
#ifndef OURO_CHECKS
#define OURO_CHECKS 1
#endif
#if OURO_CHECKS >= 2
#define OURO_ASSERT(condition) assert(condition)
#else
#define OURO_ASSERT(condition) ((void)0)
#endif
#if OURO_CHECKS >= 3
#define OURO_CHECK_HEAP(heap) ((void)gc_check(heap))
#else
#define OURO_CHECK_HEAP(heap) ((void)0)
#endif
/* Build option: the default of gc_config.stress; 0: never. */
#ifndef OURO_STRESS
#define OURO_STRESS 0
#endif

/* Give the message hook one line. */
OURO_INTERNAL void gci_message(gc_heap *heap, const char *format, ...) OURO_PRINTF(2, 3);

/* The program is wrong: message, then panic hook. Returns when the hook does. */
OURO_INTERNAL OURO_NOINLINE void gci_panic(gc_heap *heap, const char *format, ...)
    OURO_PRINTF(2, 3);

/* Callbacks that were left by longjmp or an exception.
 *
 * The outermost function that runs user code puts down its frame (OURO_FRAME) by gci_enter, and takes it
 * away at its end. A call from a frame that is not deeper in the same stack means that the function
 * never came to its end. gci_has_been_left panics then, once, with the name of the callback; a death by
 * count is given up. Returns whether it was. */
OURO_INTERNAL void gci_enter(gc_heap *heap, void *frame);
OURO_INTERNAL bool gci_has_been_left(gc_heap *heap, const void *frame);

/* Note which callback is about to run. Returns the one around it, for gci_callback_end. */
struct gci_callback {
    const char *name;
    const gc_type *type;
};
static inline struct gci_callback gci_callback_begin(gc_heap *heap, const char *name,
                                                     const gc_type *type)
{
    struct gci_callback outer = { heap->callback, heap->callback_type };
    heap->callback = name;
    heap->callback_type = type;
    return outer;
}
static inline void gci_callback_end(gc_heap *heap, struct gci_callback outer)
{
    heap->callback = outer.name;
    heap->callback_type = outer.type;
}

/* Whether what runs user code is under way. */
static inline bool gci_is_under_way(const gc_heap *heap)
{
    return heap->busy > 0 || heap->draining || heap->deferring;
}

/* Count a pause. One inside a long drain does not count as part of that. */
OURO_INTERNAL void gci_pause_record(gc_heap *heap, gc_phase phase, uint64_t ns);

/* Set what gc_last_error answers, and return it. */
static inline gc_status gci_fail(gc_heap *heap, gc_status status)
{
    heap->last_error = status;
    return status;
}

/* a * b + c into *result; false when it does not fit. */
OURO_INTERNAL bool gci_size_of_array(size_t a, size_t b, size_t c, size_t *result);

/* Index of the highest and of the lowest bit set in a number that is not 0. */
static inline unsigned gci_highest_bit(uint64_t number)
{
#if defined(__GNUC__)
    return 63u - (unsigned)__builtin_clzll(number);
#else
    unsigned bit = 0;
    while (number >>= 1) {
        bit++;
    }
    return bit;
#endif
}
static inline unsigned gci_lowest_bit(uint64_t number)
{
    return gci_highest_bit(number & (~number + 1));
}

/* One of two, as a condition of 0 or 1 says: where it is not to be foretold, compilers make a branch of
 * anything else. */
static inline uintptr_t gci_select(uint32_t condition, uintptr_t yes, uintptr_t no)
{
    uintptr_t mask = 0 - (uintptr_t)condition;
    return no ^ ((yes ^ no) & mask);
}

/* `now` and some nanoseconds; UINT64_MAX: for ever. */
static inline uint64_t gci_deadline(uint64_t now, uint64_t ns)
{
    return ns < UINT64_MAX - now ? now + ns : UINT64_MAX;
}

static inline size_t gci_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline size_t gci_round_up(size_t size, size_t multiple)
{
    return (size + multiple - 1) & ~(multiple - 1);
}

#endif
