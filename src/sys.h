/* SPDX-License-Identifier: MIT */
#ifndef OURO_SYS_H
#define OURO_SYS_H

/* The platform seam: page memory, call frames, files, the clock and random bytes. sys_posix.c
 * has all of it. */

#include "base.h"

/* `size` zeroed bytes at a multiple of `align`, both multiples of GCI_BLOCK_SIZE; NULL: no
 * memory. A block is unmapped whole. LeakSanitizer, if the program has it, knows what is mapped. */
OURO_INTERNAL void *gci_sys_map(size_t size, size_t align);
OURO_INTERNAL void gci_sys_unmap(void *block, size_t size);

/* Give the memory behind a part of a block back to the system, which has it anew, of any
 * content, when it is used again. Only whole pages of the system go. */
OURO_INTERNAL void gci_sys_purge(void *part, size_t size);

/* Ask that a block be backed by huge pages, or by none. A wish: nothing happens where there are
 * none. */
OURO_INTERNAL void gci_sys_advise_huge(void *block, size_t size, bool wanted);

/* The return addresses on the stack, the innermost first, up to `max`; whether there is a way. */
OURO_INTERNAL bool gci_sys_has_frames(void);
OURO_INTERNAL size_t gci_sys_frames(void **frames, size_t max);

/* The name of the function that an address is in, as "main+0x1c" or "app+0x1130", into a buffer. */
OURO_INTERNAL void gci_sys_frame_name(void *frame, char *buffer, size_t size);

/* Open a file for reading, if it is a regular one; NULL: it is not, or cannot be read. */
OURO_INTERNAL FILE *gci_sys_open_file(const char *name);

/* Whether somebody may be looking at what is written to a file. */
OURO_INTERNAL bool gci_sys_is_terminal(FILE *file);

/* Nanoseconds of a clock that never goes back. */
OURO_INTERNAL uint64_t gci_sys_clock_ns(void);

/* Fill in random bytes that nobody can guess; or, where the system has none yet, bytes that
 * differ from run to run. Cannot fail, and does not wait. */
OURO_INTERNAL void gci_sys_random(void *bytes, size_t size);

#endif
