/* SPDX-License-Identifier: MIT */
/* The limit, in huge pages. */

#define LIMIT_HUGE 1
#include "limit.h"
