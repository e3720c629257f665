/* SPDX-License-Identifier: MIT */

/* The work of delegation: constant, however many delegates wait.
 *
 * Those in the middle of a stack are of a type of their own, and so in pages of their own. While
 * nothing may touch them no access to these is allowed: a step that walks over them is a
 * segmentation fault, which cmocka reports as the failure of the test. */

#include "support.h"

#include <sys/mman.h>

#include "pages.h"

struct top {
    gc_generator generator;
    struct node *item;
    size_t left;
};

OURO_GENERATOR(top, item)
{
    OURO_BEGIN(self);
    while (self->left-- > 0) {
        OURO_YIELD(self, gc_newref(self->item));
    }
    OURO_END(self);
}

struct middle {
    gc_generator generator;
    gc_generator *inner;
};

OURO_GENERATOR(middle, inner)
{
    OURO_BEGIN(self);
    OURO_YIELD_FROM(self, gc_take(&self->inner));
    OURO_END(self);
}

static gc_generator *top_new(gc_heap *heap, struct node *item, size_t count)
{
    struct top *top = gc_new(heap, &top_type.type);
    assert_non_null(top);
    gc_set(&top->item, item);
    top->left = count;
    return &top->generator;
}

static gc_generator *middle_new(gc_heap *heap, OURO_STEALS gc_generator *inner)
{
    struct middle *middle = gc_new(heap, &middle_type.type);
    assert_non_null(middle);
    middle->inner = inner;
    return &middle->generator;
}

/* Allow access to the pages of a type, or forbid it. */
static size_t protect_pages_of(gc_heap *heap, const gc_type *type, int protection)
{
    size_t count = 0;
    for (struct gci_page *page = gci_pages_next(heap, NULL); page != NULL;
         page = gci_pages_next(heap, page)) {
        if (page->type == type) {
            assert_int_equal((uintptr_t)page->base % GCI_PAGE_SIZE, 0);
            assert_int_equal(mprotect(page->base, GCI_PAGE_SIZE, protection), 0);
            count++;
        }
    }
    return count;
}

static void delegating_to_one_with_many_delegates_touches_none_between(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    enum { DEPTH = 10000, ROUNDS = 100 };
    /* The first page, which begins behind the head of its segment, is the one of nodes. */
    struct node *node = node_new(heap);
    gc_generator *all = top_new(heap, node, 4 * ROUNDS);
    for (size_t i = 0; i < DEPTH; i++) {
        all = middle_new(heap, all);
    }
    /* The last of them is the bottom of the stack, and its owner. */
    all = gc_generator_chain(all, top_new(heap, node, 1));
    all = gc_generator_chain(all, top_new(heap, node, 1));
    gc_decref(gc_generator_next(all));
    assert_true(protect_pages_of(heap, &middle_type.type, PROT_NONE) > 5);
    for (size_t i = 0; i < ROUNDS; i++) {
        gc_decref(gc_generator_next(all));
        all = gc_generator_chain(all, top_new(heap, node, 1));
        gc_decref(gc_generator_next(all));
        all = gc_generator_chain(top_new(heap, node, 1), all);
        gc_decref(gc_generator_next(all));
    }
    assert_true(protect_pages_of(heap, &middle_type.type, PROT_READ | PROT_WRITE) > 5);
    size_t rest = 0;
    OURO_FOREACH (struct node, item, all) {
        assert_ptr_equal(item, node);
        rest++;
    }
    /* There were 4 * ROUNDS + 2 items, and two more a round. One was given, and three a round. */
    assert_int_equal(rest, 4 * ROUNDS + 2 + 2 * ROUNDS - 1 - 3 * ROUNDS);
    assert_int_equal(gc_refcount(node), 1);
    gc_decref(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(delegating_to_one_with_many_delegates_touches_none_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
