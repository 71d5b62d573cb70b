/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_WEBHOOK_H
#define BSI_ENGINE_WEBHOOK_H

#include "engine/job.h"

/*
 * Tells a server of the user's, at WEBHOOK_URL, how jobs end. A thread of its own
 * sends one message after the other and tries again what did not arrive;
 * docs/guide/notifications.md describes what is sent.
 */
typedef struct bsi_webhook bsi_webhook;

/* Leaves service->webhook NULL when the settings name no URL. BS_E_INVALID, BS_E_UNSUPPORTED. */
BS_NODISCARD bs_status bsi_webhook_open(bs_service *service);

/* Send what is left, for at most SHUTDOWN_TIMEOUT, and free. */
void bsi_webhook_close(bs_service *service);

/* How a job ended. Does not block; what cannot be sent is a line of the log. */
void bsi_webhook_tell(bsi_job *job, const bsi_job_view *end);

#endif
