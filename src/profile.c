/* SPDX-License-Identifier: MIT */

/* The memory profiler: records of what is alive, by the place in the program that made it.
 *
 * While it is on, the heap's cache of current pages stays empty, so that every birth takes the slow
 * path and is heard of here; while it is off, nothing is left of it on any path but a test of a
 * flag when an object dies. What is counted is counted by site, so a snapshot costs the number of
 * sites and not of objects. Out of memory here drops a record. */

#include "profile.h"

static uint64_t mix(uint64_t hash, uint64_t number)
{
    hash = (hash ^ number) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

/* An odd number. */
static uint64_t hash_of(const gc_heap *heap, const struct gci_site *key)
{
    uint64_t hash = mix(heap->config.hash_key[0], (uintptr_t)key->where);
    hash = mix(mix(mix(hash, (uintptr_t)key->type), key->domain), key->size);
    for (size_t i = 0; i < key->frame_count; i++) {
        hash = mix(hash, (uintptr_t)key->frames[i]);
    }
    return hash | 1;
}

static bool is_same(const struct gci_site *a, const struct gci_site *b)
{
    return a->where == b->where && a->type == b->type && a->domain == b->domain &&
           a->size == b->size && a->frame_count == b->frame_count &&
           memcmp(a->frames, b->frames, a->frame_count * sizeof(a->frames[0])) == 0;
}

/* The first site lies in another set of the first-level cache than the head of the heap, which is
 * as hot: blocks begin alike, and a processor that tells lines by a hash of the address can take
 * them for each other. Number 0 is no site. */
static uint32_t first_site(const struct gci_profile *profile)
{
    enum { WORDS = 320 };
    return (WORDS + profile->site_size - 1) / profile->site_size * profile->site_size;
}

/* Sites that take no more than this many words are kept: the dead can say where they were made. */
enum { BLOCK_WORDS = GCI_BLOCK_SIZE / 8, KEPT_WORDS = 64 * BLOCK_WORDS };
#define FREE_SITE SIZE_MAX /* the size of none */

/* Have the sites in an array of `words`, a whole number of blocks. false: no memory, nothing
 * changed. */
static bool move_sites(gc_heap *heap, size_t words)
{
    struct gci_profile *profile = heap->profile;
    uint64_t *sites = gci_memory_take(heap, words * sizeof(sites[0]), GCI_ALIGN_MAX);
    if (sites == NULL) {
        return false;
    }
    if (profile->site_room != 0) {
        memcpy(sites, profile->sites, profile->site_end * sizeof(sites[0]));
        gci_memory_give(heap, profile->sites, profile->site_room * sizeof(sites[0]));
    }
    profile->sites = sites;
    profile->site_room = (uint32_t)words;
    return true;
}

/* Nobody has a number at hand any more. */
static void forget_recent(gc_heap *heap)
{
    for (struct gci_records *block = heap->records; block != NULL; block = block->next) {
        for (size_t i = 0; i < block->used; i++) {
            block->records[i].site = 0;
        }
    }
    memset(heap->profile->recent, 0, sizeof(heap->profile->recent));
}

/* Take a site that has nothing on record out of the table. false: it is one of those, next to none,
 * that share a hash, or nearly, and stays. */
static bool drop_site(gc_heap *heap, uint32_t number)
{
    struct gci_profile *profile = heap->profile;
    struct gci_site *site = gci_site_at(profile, number);
    uint64_t hash = site->size == FREE_SITE ? 0 : hash_of(heap, site);
    if (hash != 0) {
        if ((uintptr_t)gci_table_get(&profile->site_table, hash) != number ||
            gci_table_get(&profile->site_table, hash + 2) != NULL) {
            return false;
        }
        gci_table_remove(heap, &profile->site_table, hash);
    }
    return true;
}

/* Let go of the sites that have nothing on record, if that is worth it. Their places are for the
 * next, the lowest first, so that in time the array ends earlier. Returns how many words the others
 * take. */
static size_t sweep(gc_heap *heap)
{
    struct gci_profile *profile = heap->profile;
    size_t used = 0;
    if (profile->site_room <= KEPT_WORDS) {
        return profile->site_end;
    }
    forget_recent(heap);
    profile->swept = true;
    profile->free_site = 0;
    for (uint32_t number = profile->site_end; number > first_site(profile);) {
        number -= profile->site_size;
        struct gci_site *site = gci_site_at(profile, number);
        if (site->count > 0 || !drop_site(heap, number)) {
            used += profile->site_size;
        } else if (number + profile->site_size == profile->site_end) {
            profile->site_end = number;
        } else {
            *site = (struct gci_site){ .size = FREE_SITE, .bytes = profile->free_site };
            profile->free_site = number;
        }
    }
    return used;
}

static void trim(gc_heap *heap)
{
    struct gci_profile *profile = heap->profile;
    (void)sweep(heap);
    size_t words = gci_round_up(gci_larger(profile->site_end, 1), BLOCK_WORDS);
    if (words <= profile->site_room / 2) {
        (void)move_sites(heap, words);
    }
}

static bool reserve_site(gc_heap *heap)
{
    struct gci_profile *profile = heap->profile;
    size_t room = profile->site_room, more = gci_larger(room * 2, BLOCK_WORDS);
    if (profile->free_site != 0 || profile->site_end + profile->site_size <= room) {
        return true;
    }
    /* Swept for less than a quarter, sites would be swept again too soon. */
    return sweep(heap) <= room / 4 * 3 || move_sites(heap, more) || profile->free_site != 0;
}

/* The number of a site that is like `key`, made when there is none. 0: no memory. */
static uint32_t intern(gc_heap *heap, const struct gci_site *key)
{
    struct gci_profile *profile = heap->profile;
    uint64_t hash = hash_of(heap, key);
    uint32_t number;
    while ((number = (uint32_t)(uintptr_t)gci_table_get(&profile->site_table, hash)) != 0) {
        if (is_same(gci_site_at(profile, number), key)) {
            return number;
        }
        hash += 2; /* it is taken by another */
    }
    if (!gci_table_reserve(heap, &profile->site_table) || !reserve_site(heap)) {
        return 0;
    }
    number = profile->free_site;
    if (number != 0) {
        profile->free_site = (uint32_t)gci_site_at(profile, number)->bytes;
    } else {
        number = profile->site_end;
        profile->site_end += profile->site_size;
    }
    memcpy(gci_site_at(profile, number), key,
           sizeof(*key) + key->frame_count * sizeof(key->frames[0]));
    gci_table_put(&profile->site_table, hash, (void *)(uintptr_t)number);
    return number;
}

/* The frames of a call of ouro, the caller's first: what lies inside ouro is left out. */
static size_t frames_of(const struct gci_caller *caller, void **frames, size_t count)
{
    enum { INSIDE_MAX = 12 };
    void *all[GCI_FRAMES_MAX + INSIDE_MAX];
    size_t total = gci_sys_frames(all, count + INSIDE_MAX);
    size_t skip = 0;
    while (skip < total && all[skip] != caller->return_address) {
        skip++;
    }
    if (skip == total) {
        skip = 0;
    }
    total = total - skip < count ? total - skip : count;
    memcpy(frames, all + skip, total * sizeof(all[0]));
    return total;
}

static OURO_NOINLINE uint32_t site_with_frames(gc_heap *heap, const struct gci_caller *caller,
                                               const gc_type *type, size_t size, unsigned domain)
{
    union {
        struct gci_site site;
        char room[sizeof(struct gci_site) + GCI_FRAMES_MAX * sizeof(void *)];
    } key = { .site = { .where = caller->where, .type = type, .size = size, .domain = domain } };
    if (heap->profile->frames > 1) {
        key.site.frame_count = frames_of(caller, key.site.frames, heap->profile->frames);
    }
    return intern(heap, &key.site);
}

/* The site of an object in a page. */
static uint32_t site_of_birth(gc_heap *heap, const struct gci_caller *caller,
                              const struct gci_page *page)
{
    struct gci_profile *profile = heap->profile;
    const gc_type *type = page->type;
    size_t size = page->slot_size > GCI_SMALL_MAX ? 0 : page->slot_size;
    if (profile->frames > 1) {
        return site_with_frames(heap, caller, type, size, 0);
    }
    size_t place = (mix((uintptr_t)caller->where, (uintptr_t)type) ^ size / 8) % GCI_RECENT_SITES;
    uint32_t *recent = &profile->recent[place];
    const struct gci_site *site = gci_site_at(profile, *recent);
    if (site->where != caller->where || site->type != type || site->size != size) {
        *recent = site_with_frames(heap, caller, type, size, 0);
    }
    return *recent;
}

/* A birth at another line than the latest of its record, or the first of its page. */
static void born(gc_heap *heap, gc_object *self, const struct gci_caller *caller)
{
    struct gci_profile *profile = heap->profile;
    struct gci_page *page = gci_page_of(self);
    uint32_t *place = gci_page_site(page, self);
    if (place == NULL && gci_pages_take_sites(heap, page)) {
        place = gci_page_site(page, self);
    }
    uint32_t number = place == NULL ? 0 : site_of_birth(heap, caller, page);
    if (place != NULL) {
        *place = number; /* also in place of that of a dead object */
    }
    if (profile->frames == 1) { /* else the line alone does not tell the site */
        page->record->site = number;
    }
    if (number == 0) {
        self->refs &= ~(uint32_t)OURO_REFS_SITE;
        profile->dropped++;
    } else {
        self->refs |= OURO_REFS_SITE;
        gci_site_add(profile, gci_site_at(profile, number), page->slot_size);
    }
}

/* Forget all records. */
static void forget(gc_heap *heap)
{
    struct gci_profile *profile = heap->profile;
    forget_recent(heap);
    gci_pages_give_all_sites(heap);
    gci_table_free(heap, &profile->site_table);
    gci_table_free(heap, &profile->buffer_sites);
    gci_table_free(heap, &profile->buffer_sizes);
    profile->site_end = first_site(profile);
    profile->free_site = 0;
    profile->swept = false;
    profile->bytes = profile->bytes_peak = profile->dropped = 0;
}

void gc_profile_stop(gc_heap *heap)
{
    struct gci_profile *profile = heap->profile;
    if (profile != NULL) {
        forget(heap);
        gci_memory_give(heap, profile->sites, profile->site_room * sizeof(profile->sites[0]));
        heap->profile = NULL;
        gci_memory_give(heap, profile, sizeof(*profile));
    }
}

gc_status gc_profile_start(gc_heap *heap, unsigned frames)
{
    if (frames < 1 || frames > GCI_FRAMES_MAX || (frames > 1 && !gci_sys_has_frames())) {
        return gci_fail(heap, GC_ERR_RANGE);
    }
    if (heap->profile != NULL) {
        return GC_OK;
    }
    struct gci_profile *profile = gci_memory_take(heap, sizeof(*profile), GCI_ALIGN_MAX);
    if (profile == NULL) {
        return gci_fail(heap, GC_ERR_NOMEM);
    }
    memset(profile, 0, sizeof(*profile));
    profile->frames = frames;
    size_t size = sizeof(struct gci_site) + (frames > 1 ? frames * sizeof(void *) : 0);
    profile->site_size = (uint32_t)(gci_round_up(size, 8) / 8);
    profile->site_end = first_site(profile);
    heap->profile = profile;
    if (!reserve_site(heap)) {
        heap->profile = NULL;
        gci_memory_give(heap, profile, sizeof(*profile));
        return gci_fail(heap, GC_ERR_NOMEM);
    }
    /* Site 0 is like no caller. */
    memset(profile->sites, 0, profile->site_size * sizeof(profile->sites[0]));
    heap->hooks.born = born;
    heap->hooks.stop_profile = gc_profile_stop;
    heap->hooks.trim_profile = trim;
    gci_pages_forget_current(heap);
    return GC_OK;
}

void gc_profile_clear(gc_heap *heap)
{
    if (heap->profile != NULL) {
        forget(heap);
        trim(heap);
    }
}

bool gc_profile_is_on(const gc_heap *heap)
{
    return heap->profile != NULL;
}

void gc_profile_get_stats_sized(const gc_heap *heap, gc_profile_stats *stats, size_t size)
{
    gc_profile_stats all = { 0 };
    const struct gci_profile *profile = heap->profile;
    if (profile != NULL) {
        all = (gc_profile_stats){
            .bytes = profile->bytes,
            .bytes_peak = profile->bytes_peak,
            .dropped = profile->dropped,
            .bytes_own = gci_round_up(sizeof(*profile), GCI_BLOCK_SIZE) + profile->bytes_arrays +
                         profile->site_room * sizeof(profile->sites[0]) +
                         gci_table_bytes(&profile->site_table) +
                         gci_table_bytes(&profile->buffer_sites) +
                         gci_table_bytes(&profile->buffer_sizes),
        };
        for (uint32_t i = 0; i < gci_profile_site_count(heap); i++) {
            all.objects += gci_profile_site_at(heap, i)->count;
        }
    }
    memset(stats, 0, size);
    memcpy(stats, &all, size < sizeof(all) ? size : sizeof(all));
}

void gc_profile_reset_peak(gc_heap *heap)
{
    if (heap->profile != NULL) {
        heap->profile->bytes_peak = heap->profile->bytes;
    }
}

const char *gc_profile_site(const void *object)
{
    return gci_page_where(gci_page_of(object), object);
}

/* Buffers of the user's. */

void gc_profile_track_at(gc_heap *heap, const void *pointer, size_t size, unsigned domain,
                         const char *where)
{
    struct gci_profile *profile = heap->profile;
    if (profile == NULL) {
        return;
    }
    gc_profile_untrack(heap, pointer);
    struct gci_caller caller = { where, OURO_RETURN_ADDRESS };
    uint32_t number = 0;
    if (gci_table_reserve(heap, &profile->buffer_sites) &&
        gci_table_reserve(heap, &profile->buffer_sizes)) {
        number = site_with_frames(heap, &caller, NULL, 0, domain);
    }
    if (number == 0) {
        profile->dropped++;
        return;
    }
    gci_table_put(&profile->buffer_sites, (uintptr_t)pointer, (void *)(uintptr_t)number);
    gci_table_put(&profile->buffer_sizes, (uintptr_t)pointer, (void *)(uintptr_t)size);
    gci_site_add(profile, gci_site_at(profile, number), size);
}

void gc_profile_untrack(gc_heap *heap, const void *pointer)
{
    struct gci_profile *profile = heap->profile;
    uint32_t number = 0;
    if (profile != NULL) {
        number = (uint32_t)(uintptr_t)gci_table_get(&profile->buffer_sites, (uintptr_t)pointer);
    }
    if (number != 0) {
        size_t size = (uintptr_t)gci_table_get(&profile->buffer_sizes, (uintptr_t)pointer);
        struct gci_site *site = gci_site_at(profile, number); /* whose sizes differ */
        site->count--;
        site->bytes -= size;
        profile->bytes -= size;
        gci_table_remove(heap, &profile->buffer_sites, (uintptr_t)pointer);
        gci_table_remove(heap, &profile->buffer_sizes, (uintptr_t)pointer);
    }
}

/* For snapshots. */

uint32_t gci_profile_site_count(const gc_heap *heap)
{
    const struct gci_profile *profile = heap->profile;
    return profile == NULL ? 0 : (profile->site_end - first_site(profile)) / profile->site_size;
}

const struct gci_site *gci_profile_site_at(const gc_heap *heap, uint32_t index)
{
    return gci_site_at(heap->profile, first_site(heap->profile) + index * heap->profile->site_size);
}
