/* SPDX-License-Identifier: MIT */
#include "repo/tree_cursor.h"

bs_status bsi_tree_cursor_open(bsi_tree_cursor *cursor, bsi_blob_reader *reader,
                               const bs_call *call, const bsi_digest *tree)
{
    bsi_slice text = {0};
    bs_status status = BS_OK;

    *cursor = (bsi_tree_cursor){0};
    BSI_TRY(bsi_blob_reader_read(reader, call, BSI_BLOB_TREE, tree, &text));
    bsi_buf_init(&cursor->text, BSI_BLOB_TREE_MAX);
    status = bsi_buf_append(&cursor->text, text.data, text.size);
    if (status < 0) {
        bsi_buf_dispose(&cursor->text);
        return status;
    }
    bsi_tree_reader_init(&cursor->reader, cursor->text.data, cursor->text.size);
    return BS_OK;
}

void bsi_tree_cursor_dispose(bsi_tree_cursor *cursor)
{
    if (cursor->text.max > 0) {
        bsi_tree_reader_dispose(&cursor->reader);
        bsi_buf_dispose(&cursor->text);
    }
    *cursor = (bsi_tree_cursor){0};
}

bs_status bsi_tree_cursor_next(bsi_tree_cursor *cursor)
{
    const bs_status status = bsi_tree_reader_next(&cursor->reader, &cursor->node);

    cursor->at_node = status == BS_OK;
    return status;
}
