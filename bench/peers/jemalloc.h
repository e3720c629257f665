/* SPDX-License-Identifier: MIT */
/* jemalloc, which takes the place of malloc. */

#include <jemalloc/jemalloc.h>

#define PEER_MALLOC(size) malloc(size)
#define PEER_FREE(block)  sdallocx((block), sizeof(*(block)), 0)
#include "counted.h"
