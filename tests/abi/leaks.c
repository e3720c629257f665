/* SPDX-License-Identifier: MIT */
/* A program whose objects own memory of malloc's. leaks.sh compiles it with a leak sanitizer, which the
 * library is not compiled with, and says what it does: `free` the heap at its end, which else is alive;
 * `lose` a buffer.
 */

#include "ouro.h"

#include <stdlib.h>

struct owner {
    gc_object object;
    char *buffer;
};

static void owner_destroy(gc_object *self)
{
    free(((struct owner *)(void *)self)->buffer);
}

static const gc_type small_type = { .name = "owner",
                                    .size = sizeof(struct owner),
                                    .destroy = owner_destroy };
/* Above 1 MiB, so that each has a block of the heap's page source of its own. */
static const gc_type large_type = { .name = "large owner",
                                    .size = 2u << 20,
                                    .destroy = owner_destroy };

static gc_heap *heap;

static struct owner *owner_new(const gc_type *type)
{
    struct owner *owner = gc_new(heap, type);
    if (owner == NULL || (owner->buffer = malloc(100)) == NULL) {
        exit(2);
    }
    return owner;
}

/* A call of its own, so that no register or stack slot of main has the address. */
static void __attribute__((noinline)) work(bool loses)
{
    for (int i = 0; i < 1000; i++) {
        (void)owner_new(&small_type);
    }
    for (int i = 0; i < 3; i++) {
        (void)owner_new(&large_type);
    }
    gc_decref(owner_new(&large_type));
    (void)gc_heap_trim(heap);
    if (loses) {
        owner_new(&small_type)->buffer = NULL;
    }
}

int main(int argc, char **argv)
{
    bool frees = false, loses = false;
    for (int i = 1; i < argc; i++) {
        frees = frees || strcmp(argv[i], "free") == 0;
        loses = loses || strcmp(argv[i], "lose") == 0;
    }
    heap = gc_heap_new(NULL);
    if (heap == NULL) {
        return 2;
    }
    work(loses);
    if (frees) {
        gc_heap_free(heap);
    }
    return 0;
}
