/* SPDX-License-Identifier: MIT */
/* Counts that threads may share, as C11 has them: increments are relaxed, a decrement releases, and
 * the last one acquires before the end. The C library's malloc. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static inline bool atomic_decref(atomic_size_t *count)
{
    if (atomic_fetch_sub_explicit(count, 1, memory_order_release) != 1) {
        return false;
    }
    atomic_thread_fence(memory_order_acquire);
    return true;
}

#define PEER_MALLOC(size)   malloc(size)
#define PEER_FREE(block)    free(block)
#define PEER_COUNTER        atomic_size_t
#define PEER_INCREF(count)  (void)atomic_fetch_add_explicit(&(count), 1, memory_order_relaxed)
#define PEER_DECREF(count)  atomic_decref(&(count))
#define PEER_COUNTED(count) atomic_load_explicit(&(count), memory_order_relaxed)
#include "counted.h"
