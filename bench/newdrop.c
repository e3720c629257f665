/* SPDX-License-Identifier: MIT */
/* Boxes that come and go: `size` of them, each dropped before the next is made; a million dropped in
 * random order, `size` times; and `size` that each take the place of one among a million, drawn at
 * random. */

#include BENCH_PEER

void bench_newdrop(size_t size)
{
    peer_start();
    uint64_t check = 0;
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < size; i++) {
        box *self = box_new();
        self->value[0] = i;
        bench_clobber(self);
        check += self->value[0];
        box_drop(self);
    }
    bench_report_ns(bench_now_ns() - start, size, check);
}

enum { OBJECTS = 1000000 };

void bench_random_drop(size_t size)
{
    peer_start();
    box **boxes = (box **)peer_array(OBJECTS);
    uint32_t *order = bench_shuffled(OBJECTS);
    uint64_t check = 0;
    uint64_t start = bench_now_ns();
    for (size_t pass = 0; pass < size; pass++) {
        for (size_t i = 0; i < OBJECTS; i++) {
            boxes[i] = box_new();
            boxes[i]->value[0] = i;
        }
        for (size_t i = 0; i < OBJECTS; i++) {
            box *self = boxes[order[i]];
            boxes[order[i]] = NULL;
            check += self->value[0] ^ i;
            box_drop(self);
        }
    }
    bench_report_ns(bench_now_ns() - start, size * OBJECTS, check);
}

void bench_replace(size_t size)
{
    peer_start();
    box **boxes = (box **)peer_array(OBJECTS);
    for (size_t i = 0; i < OBJECTS; i++) {
        boxes[i] = box_new();
        boxes[i]->value[0] = i;
    }
    uint64_t check = 0;
    uint32_t state = 1;
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < size; i++) {
        uint32_t place = bench_below(&state, OBJECTS);
        box *old = boxes[place];
        check += old->value[0];
        boxes[place] = box_new();
        boxes[place]->value[0] = i;
        box_drop(old);
    }
    bench_report_ns(bench_now_ns() - start, size, check);
}
