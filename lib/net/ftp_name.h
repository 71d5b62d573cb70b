/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_FTP_NAME_H
#define BSI_NET_FTP_NAME_H

#include "base/buffer.h"
#include "base/slice.h"

/*
 * Names as they are kept on FTP servers. A command is one line, listings lose blanks, and servers
 * change bytes that are not UTF-8: so bytes that would suffer are written as %XX, in upper case.
 * These are control bytes, what is not UTF-8, backslashes, a blank in front or at the end, and a
 * '%' that would be taken for one of these. All other names are kept as they are.
 */

/* Append one component of a path. */
BS_NODISCARD bs_status bsi_ftp_name_encode(bsi_buf *out, bsi_slice name);

/*
 * Append the name that is kept under such a one; `known_out`: whether there is any, for a name
 * that somebody else has given may stand for none.
 */
BS_NODISCARD bs_status bsi_ftp_name_decode(bsi_buf *out, bsi_slice name, bool *known_out);

#endif
