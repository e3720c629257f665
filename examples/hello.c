/* SPDX-License-Identifier: MIT */
#include <ouro.h>

struct node {
    gc_object object; /* comes first: the count lives here */
    struct node *next;
};

static const gc_type node_type = {
    .name = "node",
    .size = sizeof(struct node),
    .refs = OURO_REFS(struct node, next),
};

int main(void)
{
    gc_heap *heap = gc_heap_new(NULL);
    if (heap == NULL) {
        return 1;
    }
    struct node *a = gc_new(heap, &node_type); /* one reference, and it is ours */
    struct node *b = gc_new(heap, &node_type);
    if (a == NULL || b == NULL) {
        return 1;
    }
    gc_set(&a->next, b); /* a counts a reference to b */
    gc_set(&b->next, a); /* and b one to a: a reference cycle */
    printf("a has %zu references, b has %zu\n", gc_refcount(a), gc_refcount(b));

    gc_decref(a);
    gc_decref(b); /* nobody can reach them now, but each still counts one reference */
    printf("the collector freed %zu objects\n", gc_collect(heap));
    gc_heap_free(heap);
    return 0;
}
