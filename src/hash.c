/* SPDX-License-Identifier: MIT */

/* SipHash-1-3 (Aumasson and Bernstein): one round for each word of eight bytes, three at the end.
 * CPython and Rust hash strings by it. */

#include "hash.h"

struct sip {
    uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void mix(struct sip *sip)
{
    sip->a += sip->b;
    sip->c += sip->d;
    sip->b = rotate(sip->b, 13) ^ sip->a;
    sip->d = rotate(sip->d, 16) ^ sip->c;
    sip->a = rotate(sip->a, 32) + sip->d;
    sip->c += sip->b;
    sip->d = rotate(sip->d, 21) ^ sip->a;
    sip->b = rotate(sip->b, 17) ^ sip->c;
    sip->c = rotate(sip->c, 32);
}

static inline void add(struct sip *sip, uint64_t word)
{
    sip->d ^= word;
    mix(sip);
    sip->a ^= word;
}

/* Eight bytes, the lowest first: an expression that compilers know for one load. */
static inline uint64_t load_word(const unsigned char *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
           (uint64_t)bytes[3] << 24 | (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 |
           (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

/* Less than eight. */
static inline uint64_t load_rest(const unsigned char *bytes, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word |= (uint64_t)bytes[i] << 8 * i;
    }
    return word;
}

uint64_t gc_hash(const gc_heap *heap, const void *bytes, size_t size)
{
    const uint64_t *key = heap->config.hash_key;
    const unsigned char *from = bytes, *end = from + size / 8 * 8;
    struct sip sip = {
        .a = key[0] ^ UINT64_C(0x736F6D6570736575),
        .b = key[1] ^ UINT64_C(0x646F72616E646F6D),
        .c = key[0] ^ UINT64_C(0x6C7967656E657261),
        .d = key[1] ^ UINT64_C(0x7465646279746573),
    };
    for (; from < end; from += 8) {
        add(&sip, load_word(from));
    }
    add(&sip, (uint64_t)size << 56 | load_rest(from, size % 8));
    sip.c ^= 0xFF;
    for (unsigned i = 0; i < 3; i++) {
        mix(&sip);
    }
    return sip.a ^ sip.b ^ sip.c ^ sip.d;
}
