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
