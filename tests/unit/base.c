/* SPDX-License-Identifier: MIT */

/* Messages, panics, and arithmetic on sizes and bits. */

#include "support.h"

#include "base.h"

/* Sizes */

static void an_array_size_is_a_product_and_a_sum(void **state)
{
    (void)state;
    size_t size = 0;
    assert_true(gci_size_of_array(7, 8, 16, &size));
    assert_int_equal(size, 72);
}

static void an_array_of_nothing_has_the_size_of_its_head(void **state)
{
    (void)state;
    size_t size = 0;
    assert_true(gci_size_of_array(0, 8, 16, &size));
    assert_int_equal(size, 16);
    assert_true(gci_size_of_array(SIZE_MAX, 0, 24, &size));
    assert_int_equal(size, 24);
}

static void the_largest_size_that_fits_is_no_overflow(void **state)
{
    (void)state;
    size_t size = 0;
    assert_true(gci_size_of_array(SIZE_MAX, 1, 0, &size));
    assert_true(size == SIZE_MAX);
    assert_true(gci_size_of_array(1, SIZE_MAX - 5, 5, &size));
    assert_true(size == SIZE_MAX);
    assert_true(gci_size_of_array(0, 3, SIZE_MAX, &size));
    assert_true(size == SIZE_MAX);
    assert_true(gci_size_of_array(SIZE_MAX / 2, 2, 1, &size));
    assert_true(size == SIZE_MAX);
}

static void a_product_that_overflows_is_refused(void **state)
{
    (void)state;
    size_t size = 42;
    assert_false(gci_size_of_array(SIZE_MAX / 2 + 1, 2, 0, &size));
    assert_false(gci_size_of_array(2, SIZE_MAX / 2 + 1, 0, &size));
    assert_false(gci_size_of_array(SIZE_MAX, SIZE_MAX, SIZE_MAX, &size));
    assert_int_equal(size, 42);
}

static void a_sum_that_overflows_is_refused(void **state)
{
    (void)state;
    size_t size = 42;
    assert_false(gci_size_of_array(SIZE_MAX, 1, 1, &size));
    assert_false(gci_size_of_array(1, 1, SIZE_MAX, &size));
    assert_false(gci_size_of_array(SIZE_MAX / 2, 2, 2, &size));
    assert_int_equal(size, 42);
}

static void rounding_up_reaches_the_next_multiple(void **state)
{
    (void)state;
    for (size_t multiple = 1; multiple <= 4096; multiple *= 2) {
        for (size_t size = 0; size <= 3 * multiple; size++) {
            size_t rounded = gci_round_up(size, multiple);
            assert_true(rounded >= size && rounded - size < multiple);
            assert_int_equal(rounded % multiple, 0);
        }
    }
}

/* Bits */

static void the_highest_bit_of_each_power_is_its_index(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(gci_highest_bit(UINT64_C(1) << i), i);
        assert_int_equal(gci_highest_bit((UINT64_C(1) << i) | 1), i);
        assert_int_equal(gci_highest_bit(UINT64_MAX >> (63 - i)), i);
    }
}

static void the_lowest_bit_of_each_power_is_its_index(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(gci_lowest_bit(UINT64_C(1) << i), i);
        assert_int_equal(gci_lowest_bit((UINT64_C(1) << i) | UINT64_C(1) << 63), i);
        assert_int_equal(gci_lowest_bit(UINT64_MAX << i), i);
    }
}

/* Messages */

static void a_message_is_formatted_for_the_hook(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gci_message(heap, "%s is %d", "answer", 42);
    assert_string_equal(world->message_text, "answer is 42\n");
    assert_int_equal(world->messages, 1);
    assert_int_equal(world->panics, 0);
}

/* A text of `length` letters. */
static char *letters(size_t length)
{
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    return text;
}

static void a_message_longer_than_the_buffer_is_cut(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    char *text = letters(5000);
    gci_message(heap, "%s", text);
    size_t length = strlen(world->message_text) - 1; /* less the end of the line */
    assert_in_range(length, 100, 4999);
    assert_memory_equal(world->message_text, text, length);
    free(text);
}

static void a_message_that_just_fits_is_whole(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    char *text = letters(511);
    gci_message(heap, "%s", text);
    assert_int_equal(strlen(world->message_text), 512);
    free(text);
}

static void a_panic_is_a_message_and_then_the_same_text_for_the_hook(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    gci_panic(heap, "%zu of %s", (size_t)3, "five");
    assert_int_equal(world->panics, 1);
    assert_string_equal(world->panic_text, "3 of five");
    expect_panic(world, "3 of five");
}

static void a_panic_longer_than_the_buffer_is_cut(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    char *text = letters(5000);
    gci_panic(heap, "%s", text);
    assert_in_range(strlen(world->panic_text), 100, 1000);
    expect_panic(world, "xxx");
    free(text);
}

static void order_message(gc_heap *heap, const char *text)
{
    struct world *world = gc_heap_user_data(heap);
    (void)text;
    expect(world, world->panics == 0);
    world->messages++;
}

static void order_panic(gc_heap *heap, const char *text)
{
    struct world *world = gc_heap_user_data(heap);
    (void)text;
    expect(world, world->messages == 1);
    world->panics++;
}

static void the_message_of_a_panic_comes_before_its_hook(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    heap->config.message = order_message;
    heap->config.panic = order_panic;
    gci_panic(heap, "order");
    assert_int_equal(world->panics, 1);
    world->panics = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(an_array_size_is_a_product_and_a_sum),
        world_test(an_array_of_nothing_has_the_size_of_its_head),
        world_test(the_largest_size_that_fits_is_no_overflow),
        world_test(a_product_that_overflows_is_refused),
        world_test(a_sum_that_overflows_is_refused),
        world_test(rounding_up_reaches_the_next_multiple),
        world_test(the_highest_bit_of_each_power_is_its_index),
        world_test(the_lowest_bit_of_each_power_is_its_index),
        world_test(a_message_is_formatted_for_the_hook),
        world_test(a_message_longer_than_the_buffer_is_cut),
        world_test(a_message_that_just_fits_is_whole),
        world_test(a_panic_is_a_message_and_then_the_same_text_for_the_hook),
        world_test(a_panic_longer_than_the_buffer_is_cut),
        world_test(the_message_of_a_panic_comes_before_its_hook),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
