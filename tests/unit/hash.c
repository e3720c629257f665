/* SPDX-License-Identifier: MIT */

/* Hashes under the heap's key.
 *
 * The linker puts __wrap_getrandom in place of the system's, which fails when the test says so. */

#include "support.h"

#include <sys/resource.h>

#include "hash.h"
#include "sys.h"

static bool system_is_new; /* it has no random bytes yet */

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
ssize_t __real_getrandom(void *bytes, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    return system_is_new ? -1 : __real_getrandom(bytes, size, flags);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* A hash of a text in a heap of its own that has a key. */
static uint64_t hash_in_a_heap(uint64_t key_0, uint64_t key_1)
{
    gc_config config = { .hash_key = { key_0, key_1 } };
    gc_heap *heap = gc_heap_new(&config);
    assert_non_null(heap);
    uint64_t hash = gc_hash(heap, "ouro", 4);
    gc_heap_free(heap);
    return hash;
}

/* The first is in the reference implementation's vectors, https://github.com/veorq/SipHash; the
 * others are of an implementation in Python that agrees with that of CPython 3.11,
 * `hash(bytes(range(n)))`, for the keys that PYTHONHASHSEED gives it. */
static void bytes_are_hashed_by_siphash_1_3(void **state)
{
    struct world *world = *state;
    gc_config config = { .hash_key = { 0x0706050403020100, 0x0F0E0D0C0B0A0908 } };
    gc_heap *heap = world_new_heap(world, &config);
    static const struct {
        size_t size;
        uint64_t hash;
    } vectors[] = {
        { 0, 0xABAC0158050FC4DC },  { 1, 0xC9F49BF37D57CA93 },  { 2, 0x82CB9B024DC7D44D },
        { 7, 0xD3927D989BB11140 },  { 8, 0x369095118D299A8E },  { 9, 0x25A48EB36C063DE4 },
        { 15, 0xD320D86D2A519956 }, { 16, 0xCC4FDD1A7D908B66 }, { 63, 0x9D199062B7BBB3A8 },
    };
    unsigned char bytes[63];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        assert_true(gc_hash(heap, bytes, vectors[i].size) == vectors[i].hash);
    }
}

static void hash_is_of_the_bytes_wherever_they_are(void **state)
{
    struct world *world = *state;
    gc_heap *heap = world_new_heap(world, NULL);
    char room[40];
    uint64_t hash = gc_hash(heap, "twenty bytes of text", 20);
    for (size_t i = 0; i < 16; i++) {
        memcpy(room + i, "twenty bytes of text", 20);
        assert_true(gc_hash(heap, room + i, 20) == hash);
    }
}

static void heaps_with_the_same_key_hash_alike(void **state)
{
    (void)state;
    assert_true(hash_in_a_heap(1, 2) == hash_in_a_heap(1, 2));
}

static void both_words_of_the_key_matter(void **state)
{
    (void)state;
    assert_true(hash_in_a_heap(1, 2) != hash_in_a_heap(1, 3));
    assert_true(hash_in_a_heap(1, 2) != hash_in_a_heap(2, 2));
    const uint64_t keys[3][2] = { { 4, 2 }, { 4, 8 }, { 5, 2 } };
    assert_true(gci_hash_number(keys[0], 7) != gci_hash_number(keys[1], 7));
    assert_true(gci_hash_number(keys[0], 7) != gci_hash_number(keys[2], 7));
}

static void key_with_one_word_of_zero_is_a_key(void **state)
{
    (void)state;
    assert_true(hash_in_a_heap(0, 1) == hash_in_a_heap(0, 1));
    assert_true(hash_in_a_heap(1, 0) == hash_in_a_heap(1, 0));
}

static void heaps_without_a_key_get_one_each(void **state)
{
    (void)state;
    assert_true(hash_in_a_heap(0, 0) != hash_in_a_heap(0, 0));
}

/* From its device; and where no file can be opened, from the clock. */
static void heaps_get_keys_of_a_system_that_has_no_random_bytes_yet(void **state)
{
    (void)state;
    struct rlimit limit, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    system_is_new = true;
    for (unsigned way = 0; way < 2; way++) {
        uint64_t keys[2][2] = { { 0 } };
        none = limit;
        none.rlim_cur = way == 0 ? limit.rlim_cur : 0;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        gci_sys_random(keys[0], sizeof(keys[0]));
        memcpy(keys[1], keys[0], sizeof(keys[1]));
        gci_sys_random(keys[0], sizeof(keys[0]));
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        for (size_t i = 0; i < 2; i++) {
            assert_true(keys[i][0] != 0 && keys[i][1] != 0);
            assert_true(keys[0][i] != keys[1][i]);
        }
    }
    system_is_new = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        world_test(bytes_are_hashed_by_siphash_1_3),
        world_test(hash_is_of_the_bytes_wherever_they_are),
        cmocka_unit_test(heaps_with_the_same_key_hash_alike),
        cmocka_unit_test(both_words_of_the_key_matter),
        cmocka_unit_test(key_with_one_word_of_zero_is_a_key),
        cmocka_unit_test(heaps_without_a_key_get_one_each),
        cmocka_unit_test(heaps_get_keys_of_a_system_that_has_no_random_bytes_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
