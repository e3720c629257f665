/* SPDX-License-Identifier: MIT */
/* mimalloc. The size is a constant, for which mi_malloc_small is its fastest call. */

#include <mimalloc.h>

#define PEER_MALLOC(size) mi_malloc_small(size)
#define PEER_FREE(block)  mi_free(block)
#include "counted.h"
