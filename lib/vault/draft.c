/* SPDX-License-Identifier: MIT */
/*
 * Records one behind the other in a spool: a fixed head, then the bytes.
 */
#include "vault/draft.h"

#include <string.h>

#include "archive/spool.h"
#include "base/alloc.h"

typedef struct record_head {
    uint32_t kind;
    uint32_t group;
    uint64_t a;
    uint64_t b;
    uint64_t size;
} record_head;

struct bsi_draft {
    bsi_spool *spool;
    uint64_t at;
    bsi_buf bytes;
};

bs_status bsi_draft_new(int temp_dir, bsi_draft **out)
{
    bs_status status = BS_OK;
    bsi_draft *draft = bsi_calloc(1, sizeof(*draft));

    if (!draft) {
        return BS_E_NOMEM;
    }
    bsi_buf_init(&draft->bytes, SIZE_MAX / 2);
    status = bsi_spool_new(temp_dir, &draft->spool);
    if (status < 0) {
        bsi_draft_free(draft);
        return status;
    }
    *out = draft;
    return BS_OK;
}

void bsi_draft_free(bsi_draft *draft)
{
    if (draft) {
        bsi_spool_free(draft->spool);
        bsi_buf_dispose(&draft->bytes);
        bsi_free(draft);
    }
}

bs_status bsi_draft_put(bsi_draft *draft, const bsi_record *record)
{
    const record_head head = {record->kind, record->group, record->a, record->b,
                              record->bytes.size};

    BSI_TRY(bsi_spool_append(draft->spool, &head, sizeof(head)));
    return bsi_spool_append(draft->spool, record->bytes.data, record->bytes.size);
}

bs_status bsi_draft_next(bsi_draft *draft, bsi_record *out)
{
    record_head head;

    if (draft->at == bsi_spool_size(draft->spool)) {
        return BS_END;
    }
    BSI_TRY(bsi_spool_read(draft->spool, draft->at, &head, sizeof(head)));
    bsi_buf_clear(&draft->bytes);
    BSI_TRY(bsi_buf_reserve(&draft->bytes, head.size + 1));
    BSI_TRY(bsi_spool_read(draft->spool, draft->at + sizeof(head), draft->bytes.data, head.size));
    draft->bytes.size = head.size;
    draft->at += sizeof(head) + head.size;
    *out = (bsi_record){
        head.kind, head.group, head.a, head.b, {(const char *)draft->bytes.data, head.size}};
    return BS_OK;
}

void bsi_draft_rewind(bsi_draft *draft)
{
    draft->at = 0;
}
