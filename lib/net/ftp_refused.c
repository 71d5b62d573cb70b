/* SPDX-License-Identifier: MIT */
/*
 * What a refusal of an FTP server stands for.
 */
#include <string.h>

#include "base/ascii.h"
#include "net/ftp.h"

enum { SHOWN = 256, TEXT_SHOWN = 400 };

static bool mentions(bsi_slice text, const char *word)
{
    const size_t size = strlen(word);

    for (size_t i = 0; i + size <= text.size; i++) {
        if (bsi_equal_but_for_case(text.data + i, word, size)) {
            return true;
        }
    }
    return false;
}

/* Servers have no code of their own for a disk that is full; the last words are vsftpd's for it. */
static bool tells_full(const bsi_ftp_reply *reply)
{
    return reply->code == 452 || reply->code == 552 || mentions(reply->text, "no space") ||
           mentions(reply->text, "disk full") || mentions(reply->text, "quota") ||
           mentions(reply->text, "failure writing to local file");
}

static bs_status status_of(const bsi_ftp_reply *reply)
{
    if (tells_full(reply)) {
        return BS_E_NO_SPACE;
    }
    switch (reply->code) {
    case 430:
    case 530:
    case 532:
    case 534:
        return BS_E_ACCESS;
    case 501: /* To MLSD. */
    case 550:
    case 553:
        return BS_E_NOT_FOUND;
    case 500:
    case 502:
    case 504:
        return BS_E_UNSUPPORTED;
    default:
        return BS_E_IO;
    }
}

bs_status bsi_ftp_refused(const char *host, const bsi_ftp_reply *reply, const char *doing,
                          const char *path)
{
    const bs_status status = status_of(reply);
    char shown[SHOWN];
    char text[TEXT_SHOWN];

    (void)bsi_fail(BS_LAYER_STORAGE, status, "host '%s': %s '%s': %d %s", host, doing,
                   bsi_printable(path, strlen(path), shown, sizeof(shown)), reply->code,
                   bsi_printable(reply->text.data, reply->text.size, text, sizeof(text)));
    if (status == BS_E_IO && reply->code >= 500) {
        bsi_error_set_retry(BS_RETRY_NEVER, 0);
    }
    return status;
}
