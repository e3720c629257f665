/* SPDX-License-Identifier: MIT */
#ifndef OURO_HASH_H
#define OURO_HASH_H

/* Hashes under the heap's key. Keys that were chosen to collide do not: the key is a secret. */

#include "base.h"

/* A hash of 32 bits of a number or an address, for ouro's own tables, whose hashes nobody sees.
 * It is cheaper than gc_hash. Every step before the last shift can be undone, so no two numbers
 * meet there. The exclusive or with the first word makes the difference of two products depend
 * on the key, not only on the difference of the numbers; the second word chooses which of them
 * share their high bits. */
static inline size_t gci_hash_number(const uint64_t key[2], uint64_t number)
{
    uint64_t hash = (number ^ key[0]) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)((hash ^ hash >> 32) * (key[1] | 1) >> 32);
}

#endif
