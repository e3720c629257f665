/* SPDX-License-Identifier: MIT */

#include "memory.h"

#include <errno.h>

void *gci_memory_take(gc_heap *heap, size_t size, size_t align)
{
    const gc_page_source *source = &heap->config.page_source;
    if (size > SIZE_MAX - GCI_BLOCK_SIZE) {
        return NULL;
    }
    size = gci_round_up(size, GCI_BLOCK_SIZE);
    int error = errno;
    heap->busy++; /* no collection inside the page source */
    void *block =
        source->map == NULL ? gci_sys_map(size, align) : source->map(source->arg, size, align);
    heap->busy--;
    errno = error;
    if (block == NULL) {
        return NULL;
    }
    heap->bytes_reserved += size;
    if (((uintptr_t)block & (align - 1)) != 0) {
        gci_panic(heap, "ouro: the page source gave %p, which is not a multiple of %zu", block,
                  align);
        gci_memory_give(heap, block, size);
        return NULL;
    }
    return block;
}

void *gci_memory_take_zeroed(gc_heap *heap, size_t size, size_t align, size_t zeroed)
{
    void *block = gci_memory_take(heap, size, align);
    if (block != NULL && heap->config.page_source.map != NULL) {
        memset(block, 0, zeroed);
    }
    return block;
}

void gci_memory_give(gc_heap *heap, void *block, size_t size)
{
    const gc_page_source *source = &heap->config.page_source;
    size = gci_round_up(size, GCI_BLOCK_SIZE);
    heap->bytes_reserved -= size;
    int error = errno;
    heap->busy++;
    if (source->map == NULL) {
        gci_sys_unmap(block, size);
    } else {
        source->unmap(source->arg, block, size);
    }
    heap->busy--;
    errno = error;
}

/* Vectors. */

static size_t block_bytes(unsigned block, size_t item_size)
{
    return (gci_vector_start(block + 1) - gci_vector_start(block)) * item_size;
}

bool gci_vector_reserve(gc_heap *heap, struct gci_vector *vector, size_t item_size, size_t index)
{
    unsigned block = gci_vector_block(index);
    if (block >= GCI_VECTOR_BLOCKS) {
        return false;
    }
    if (vector->blocks[block] == NULL) {
        vector->blocks[block] = gci_memory_take(heap, block_bytes(block, item_size), GCI_ALIGN_MAX);
    }
    return vector->blocks[block] != NULL;
}

static void give_block(gc_heap *heap, struct gci_vector *vector, size_t item_size, unsigned block)
{
    if (block < GCI_VECTOR_BLOCKS && vector->blocks[block] != NULL) {
        gci_memory_give(heap, vector->blocks[block], block_bytes(block, item_size));
        vector->blocks[block] = NULL;
    }
}

void gci_vector_trim(gc_heap *heap, struct gci_vector *vector, size_t item_size, size_t count)
{
    give_block(heap, vector, item_size, gci_vector_block(count * 2) + 1);
}

void gci_vector_free(gc_heap *heap, struct gci_vector *vector, size_t item_size)
{
    for (unsigned block = 0; block < GCI_VECTOR_BLOCKS; block++) {
        give_block(heap, vector, item_size, block);
    }
}

size_t gci_vector_bytes(const struct gci_vector *vector, size_t item_size)
{
    size_t bytes = 0;
    for (unsigned block = 0; block < GCI_VECTOR_BLOCKS && vector->blocks[block] != NULL; block++) {
        bytes += gci_round_up(block_bytes(block, item_size), GCI_BLOCK_SIZE);
    }
    return bytes;
}
