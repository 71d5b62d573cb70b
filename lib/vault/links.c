/* SPDX-License-Identifier: MIT */
/*
 * Hard-link groups: an array of groups and an open-addressed table of their
 * numbers by device and inode.
 */
#include "vault/links.h"

#include <string.h>

#include "base/alloc.h"

typedef struct link_group {
    uint64_t dev;
    uint64_t ino;
    char *head;
    size_t head_size;
    bsi_group_content content;
} link_group;

struct bsi_links {
    link_group *groups;
    size_t count;
    size_t capacity;
    uint32_t *slots;   /* Group number plus one; 0: free. */
    size_t slot_count; /* A power of two, at least twice `count`. */
};

bs_status bsi_links_new(bsi_links **out)
{
    bsi_links *links = bsi_calloc(1, sizeof(*links));

    if (!links) {
        return BS_E_NOMEM;
    }
    *out = links;
    return BS_OK;
}

void bsi_links_free(bsi_links *links)
{
    if (!links) {
        return;
    }
    for (size_t i = 0; i < links->count; i++) {
        bsi_free(links->groups[i].head);
    }
    bsi_free(links->groups);
    bsi_free(links->slots);
    bsi_free(links);
}

/* The slot of an inode: its own, or the free one where it belongs. */
static uint32_t *find_slot(const bsi_links *links, uint64_t dev, uint64_t ino)
{
    /* Multiplicative hashing by 2^64 over the golden ratio; inodes are often consecutive. */
    size_t at = (size_t)((ino ^ dev << 32) * UINT64_C(0x9e3779b97f4a7c15) >> 20);

    for (;; at++) {
        uint32_t *slot = &links->slots[at & (links->slot_count - 1)];
        if (*slot == 0) {
            return slot;
        }
        if (links->groups[*slot - 1].ino == ino && links->groups[*slot - 1].dev == dev) {
            return slot;
        }
    }
}

static bs_status grow_slots(bsi_links *links)
{
    const size_t wanted = links->slot_count ? links->slot_count * 2 : 256;
    uint32_t *old = links->slots;
    uint32_t *slots = bsi_calloc(wanted, sizeof(*slots));

    if (!slots) {
        return BS_E_NOMEM;
    }
    links->slots = slots;
    links->slot_count = wanted;
    for (size_t i = 0; i < links->count; i++) {
        *find_slot(links, links->groups[i].dev, links->groups[i].ino) = (uint32_t)i + 1;
    }
    bsi_free(old);
    return BS_OK;
}

static bs_status make_room(bsi_links *links)
{
    if (links->count == links->capacity) {
        const size_t capacity = links->capacity ? links->capacity * 2 : 64;
        link_group *groups = bsi_realloc_array(links->groups, capacity, sizeof(*groups));
        if (!groups) {
            return BS_E_NOMEM;
        }
        links->groups = groups;
        links->capacity = capacity;
    }
    if (links->count >= BSI_NO_GROUP - 1) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_LIMIT, "more than 2^32 groups of hard links");
    }
    return (links->count + 1) * 2 > links->slot_count ? grow_slots(links) : BS_OK;
}

bs_status bsi_links_add(bsi_links *links, const bsi_stat *stat, bsi_slice path, uint32_t *group_out,
                        bool *is_new_out)
{
    uint32_t *slot = NULL;
    char *head = NULL;

    BSI_TRY(make_room(links));
    slot = find_slot(links, stat->dev, stat->ino);
    *is_new_out = *slot == 0;
    if (*slot == 0) {
        head = bsi_memdup(path.data, path.size);
        if (!head) {
            return BS_E_NOMEM;
        }
        links->groups[links->count] =
            (link_group){.dev = stat->dev, .ino = stat->ino, .head = head, .head_size = path.size};
        links->count++;
        *slot = (uint32_t)links->count;
    }
    *group_out = *slot - 1;
    return BS_OK;
}

bool bsi_links_is_member(const bsi_links *links, uint32_t group, const bsi_stat *stat)
{
    const link_group *found = &links->groups[group];

    return stat->dev == found->dev && stat->ino == found->ino &&
           stat->size == found->content.size &&
           bsi_time_compare(&stat->mtime, &found->content.mtime) == 0;
}

bsi_slice bsi_links_head(const bsi_links *links, uint32_t group)
{
    return (bsi_slice){links->groups[group].head, links->groups[group].head_size};
}

bsi_group_content *bsi_links_content(bsi_links *links, uint32_t group)
{
    return &links->groups[group].content;
}

bs_status bsi_links_set_head(bsi_links *links, uint32_t group, bsi_slice path)
{
    char *head = bsi_memdup(path.data, path.size);

    if (!head) {
        return BS_E_NOMEM;
    }
    bsi_free(links->groups[group].head);
    links->groups[group].head = head;
    links->groups[group].head_size = path.size;
    return BS_OK;
}
