/* SPDX-License-Identifier: MIT */
#ifndef OURO_MEMORY_H
#define OURO_MEMORY_H

/* Memory from the heap's page source, counted as reserved. `size` is rounded up to
 * GCI_BLOCK_SIZE in both calls. */

#include "sys.h"

/* Memory of any content at a multiple of `align`; NULL: no memory. */
OURO_INTERNAL void *gci_memory_take(gc_heap *heap, size_t size, size_t align);

/* The same, with the first `zeroed` bytes zero. What comes from the system is so, and is not touched. */
OURO_INTERNAL void *gci_memory_take_zeroed(gc_heap *heap, size_t size, size_t align, size_t zeroed);

OURO_INTERNAL void gci_memory_give(gc_heap *heap, void *block, size_t size);

#endif
