/* SPDX-License-Identifier: MIT */
/* The C library's malloc. */

#define PEER_MALLOC(size) malloc(size)
#define PEER_FREE(block)  free(block)
#include "counted.h"
