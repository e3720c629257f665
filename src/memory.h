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

/* The block of a vector that an item is in, and the first item of a block. */
static inline unsigned gci_vector_block(size_t index)
{
    return index < GCI_VECTOR_FIRST ? 0 : gci_highest_bit(index / GCI_VECTOR_FIRST) + 1;
}
static inline size_t gci_vector_start(unsigned block)
{
    return block == 0 ? 0 : (size_t)GCI_VECTOR_FIRST << (block - 1);
}

/* An item of `item_size` bytes, in a block that is there. */
static inline void *gci_vector_at(const struct gci_vector *vector, size_t item_size, size_t index)
{
    unsigned block = gci_vector_block(index);
    return (char *)vector->blocks[block] + (index - gci_vector_start(block)) * item_size;
}

/* Have the block of an item, whose content is any when it is new. false: no memory. */
OURO_INTERNAL bool gci_vector_reserve(gc_heap *heap, struct gci_vector *vector, size_t item_size,
                                      size_t index);

/* Give back the block that is not needed any more, after `count` has shrunk by one: it is next
 * needed when that has doubled, so blocks do not come and go with every item (TABLE-1). Needs no
 * memory. */
OURO_INTERNAL void gci_vector_trim(gc_heap *heap, struct gci_vector *vector, size_t item_size,
                                   size_t count);

OURO_INTERNAL void gci_vector_free(gc_heap *heap, struct gci_vector *vector, size_t item_size);

/* The memory that it takes. */
OURO_INTERNAL size_t gci_vector_bytes(const struct gci_vector *vector, size_t item_size);

#endif
