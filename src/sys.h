/* SPDX-License-Identifier: MIT */
#ifndef OURO_SYS_H
#define OURO_SYS_H

/* The platform seam: page memory and the clock. One sys_*.c implements it. */

#include "base.h"

/* `size` zeroed bytes at a multiple of `align`, both multiples of GCI_BLOCK_SIZE; NULL: no
 * memory. */
OURO_INTERNAL void *gci_sys_map(size_t size, size_t align);
OURO_INTERNAL void gci_sys_unmap(void *block, size_t size);

/* Ask that a block be backed by huge pages. A wish: nothing happens where there are none. */
OURO_INTERNAL void gci_sys_want_huge(void *block, size_t size);

/* Nanoseconds of a clock that never goes back. */
OURO_INTERNAL uint64_t gci_sys_clock_ns(void);

#endif
