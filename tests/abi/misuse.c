/* SPDX-License-Identifier: MIT */

/* What the macros must reject at compile time. MISUSE 0 is the right use of each of them; every
 * other number is the same file with one mistake in it, so that nothing but the mistake can be why
 * it does not compile. For C and C++.
 */

#include "ouro.h"

struct node {
    gc_object object;
    struct node *next;
    struct node **items;
    uint32_t count;
    int integer;
    int numbers[1];
    struct node *nodes[1];
};

#if MISUSE == 1
OURO_DECLARE_REFS(single, OURO_REF(struct node, integer));
#else
OURO_DECLARE_REFS(single, OURO_REF(struct node, next));
#endif
#if MISUSE == 2
OURO_DECLARE_REFS(tail, OURO_TAIL(struct node, numbers));
#else
OURO_DECLARE_REFS(tail, OURO_TAIL(struct node, nodes));
#endif
#if MISUSE == 3
OURO_DECLARE_REFS(buffer, OURO_BUFFER(struct node, next, count));
#else
OURO_DECLARE_REFS(buffer, OURO_BUFFER(struct node, items, count));
#endif

void use(struct node *a, struct node *b, int *integer);
void use(struct node *a, struct node *b, int *integer)
{
    (void)single;
    (void)tail;
    (void)buffer;
    (void)integer;
#if MISUSE == 4
    gc_clear(integer);
#else
    gc_clear(&a->next);
#endif
#if MISUSE == 5
    gc_clear(a);
#else
    gc_clear(&a);
#endif
#if MISUSE == 6
    gc_set(integer, b);
#else
    gc_set(&a->next, b);
#endif
#if MISUSE == 7
    gc_set_steal(b, b);
#else
    gc_set_steal(&b->next, b);
#endif
#if MISUSE == 8
    a = (struct node *)gc_take(integer);
#else
    a = (struct node *)gc_take(&b->next);
#endif
#if MISUSE == 9
    gc_swap(&a->next, integer);
#else
    gc_swap(&a->next, &b->next);
#endif
#if MISUSE == 10
    (void)gc_resize_var(integer, 3);
#else
    (void)gc_resize_var(&a, 3);
#endif
}
