/* SPDX-License-Identifier: MIT */

/* MAP_ANONYMOUS and madvise are not in POSIX, but in every system that this file is for. */
#define _DEFAULT_SOURCE /* NOLINT(bugprone-reserved-identifier): the system's own switch */
#define _DARWIN_C_SOURCE

#include "sys.h"

#include <sys/mman.h>
#include <time.h>

static char *map(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? NULL : (char *)block;
}

void *gci_sys_map(size_t size, size_t align)
{
    if (align <= 4096) { /* no system has smaller pages */
        return map(size);
    }
    if (size > SIZE_MAX - align) {
        return NULL;
    }
    /* Aligned memory is cut out of a larger piece: mmap knows no alignment. */
    char *piece = map(size + align);
    if (piece == NULL) {
        return NULL;
    }
    size_t before = (size_t)(-(uintptr_t)piece & (align - 1));
    if (before > 0) {
        gci_sys_unmap(piece, before);
    }
    gci_sys_unmap(piece + before + size, align - before);
    return piece + before;
}

void gci_sys_unmap(void *block, size_t size)
{
    (void)munmap(block, size); /* fails for arguments only that map never gave */
}

void gci_sys_want_huge(void *block, size_t size)
{
#ifdef MADV_HUGEPAGE
    (void)madvise(block, size, MADV_HUGEPAGE);
#else
    (void)block;
    (void)size;
#endif
}

uint64_t gci_sys_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
