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

/* The bucket of a hash in a linear hash of `buckets`, two at least. A bucket that does not exist
 * yet is still part of the one with the same lower bits, from which it will be split. */
static inline size_t gci_hash_bucket(size_t hash, size_t buckets)
{
    size_t mask = ((size_t)2 << gci_highest_bit(buckets - 1)) - 1;
    size_t bucket = hash & mask;
    return bucket < buckets ? bucket : bucket & mask >> 1;
}

/* The bucket from which a bucket, not the first, was split. */
static inline size_t gci_hash_parent(size_t bucket)
{
    return bucket - ((size_t)1 << gci_highest_bit(bucket));
}

#endif
