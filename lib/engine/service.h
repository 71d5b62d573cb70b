/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SERVICE_H
#define BSI_ENGINE_SERVICE_H

#include <backupsvc/service.h>

#include "base/log.h"
#include "catalog/catalog.h"
#include "engine/audit.h"
#include "engine/config.h"
#include "engine/events.h"
#include "engine/job.h"
#include "engine/keys.h"
#include "engine/metrics.h"
#include "engine/scheduler.h"
#include "engine/signers.h"
#include "engine/state_dir.h"
#include "engine/uses.h"
#include "policy/timezone.h"
#include "repo/known_keys.h"
#include "source/walk.h"
#include "storage/decorators/limits.h"
#include "storage/storage.h"
#include "task/budget.h"
#include "task/pool.h"
#include "vault/vault.h"

/*
 * THREAD SAFETY NOTES
 *
 * `lock` guards the members named below it and the states of jobs; `change` is
 * broadcast when a job has ended. bsi_events, bsi_uses, bsi_keys, bsi_metrics
 * and bsi_known_keys have locks of their own, and so has each job's list of warnings. None of these
 * locks is held while another is taken, nor during I/O or a callback. There are two
 * exceptions. That of bsi_audit is held while a record is written, so that they
 * stand in one order, and is taken first of all. That of bsi_signers is held while
 * the signing key is read or made, so that none is made twice, and is taken before
 * that of bsi_uses.
 *
 * Everything else is set by bsi_service_open() and does not change.
 */
/* What stands around a driver, and lives as long as the storage that is made of it. */
typedef struct bsi_storage_layers {
    bsi_storage *limits;  /* See storage/decorators/limits.h. */
    bsi_storage *metrics; /* See storage/decorators/metrics.h. */
    bsi_storage *cache;   /* See storage/decorators/cache.h; NULL: there is none. */
} bsi_storage_layers;

typedef struct bsi_named_storage {
    struct bsi_named_storage *next;
    bsi_storage *storage;
    bsi_storage_layers layers;
    char name[]; /* Ends in NUL. */
} bsi_named_storage;

struct bs_service {
    int64_t process; /* Who opened it. */
    bsi_log log;
    bs_config *config;
    bsi_state_dir dir;
    bsi_catalog *catalog;
    bsi_pool *pool;
    bsi_events events;
    bsi_uses uses;
    bsi_budget space;   /* Of the storage "local". */
    bsi_timezone *zone; /* Of the setting TIMEZONE: whose days and weeks retention goes by. */
    bsi_metrics metrics;
    bsi_keys keys;
    bsi_signers signers;
    bsi_known_keys *known; /* What has opened repositories. */
    bsi_audit audit;
    struct bsi_webhook *webhook; /* NULL: nobody is told. Does not change. */

    bsi_mutex lock;
    bsi_cond change; /* A job has ended. */
    bsi_cond work;   /* A job waits to be run, or there will be no more. */
    bsi_named_storage *storages;
    bsi_job *jobs;       /* All that are not over; see bsi_job. */
    bsi_job *queue_head; /* Waiting to be run, the oldest first. */
    bsi_job *queue_tail;
    bsi_thread *runners;
    unsigned runners_max;
    unsigned runners_started;
    unsigned runners_idle;
    bool closing;
    int64_t closing_since;     /* By the monotonic clock. */
    struct bsi_wanted *wanted; /* Names that are to be looked at; see engine/upkeep.h. */
    bool space_told;           /* That it is short. */
    bool rebuilding;           /* No job may begin. */
    bsi_scheduler *scheduler;  /* NULL: schedules are not run here. Set once. */
};

BS_NODISCARD bs_status bsi_service_open(const bs_service_options *options, bs_service **out);
/* NULL is ignored. In a forked child it does nothing. */
void bsi_service_close(bs_service *service);

/*
 * What every call begins with: BS_E_INVALID without a service, BS_E_BUSY in a
 * child that was forked off since it was opened.
 */
BS_NODISCARD bs_status bsi_service_enter(const bs_service *service);

BS_NODISCARD bs_status bsi_service_add_storage(bs_service *service, const char *name,
                                               const char *driver, const char *const *settings);

/* The same without a look at the name: BS_E_EXISTS when it is among those that are open. */
BS_NODISCARD bs_status bsi_service_register(bs_service *service, const char *name,
                                            const char *driver, const char *const *settings);

/* Those who work with it keep it. Nothing happens when there is none of that name. */
void bsi_service_forget_storage(bs_service *service, const char *name);

/*
 * With a reference of its own: BS_E_NOT_FOUND with the names there are. One that the catalogue
 * keeps is opened if it is not open yet.
 */
BS_NODISCARD bs_status bsi_service_storage(bs_service *service, const char *name,
                                           bsi_storage **out);

/* With a reference of its own, when it is open; else NULL. */
bsi_storage *bsi_service_open_storage(bs_service *service, const char *name);

/* Set limits of one that is open, also for jobs at work; false when it is not. */
bool bsi_service_set_limits(bs_service *service, const char *name, const bsi_limits_plan *plan);
/* What is set, and the name of its driver; NULL when it is not open. */
const char *bsi_service_get_limits(bs_service *service, const char *name, bsi_limits_plan *out);

/* How many are open. */
size_t bsi_service_storage_count(bs_service *service);

/* By its number among those that are open, so that no lock is held while it is worked with; NULL
 * behind the last. Its name is put into the arena. `layers_out` may be NULL. */
bsi_storage *bsi_service_storage_at(bs_service *service, size_t index, bsi_arena *arena,
                                    const char **name_out, bsi_storage_layers *layers_out);

/* What a call that belongs to no job works with; `call` and `warn` may be NULL. */
bsi_vault_env bsi_service_env(bs_service *service, bsi_storage *storage, const bs_call *call,
                              const bsi_warn *warn);

/* Nanoseconds since 1970 by the wall clock, as rows hold them. */
int64_t bsi_row_now(void);
int64_t bsi_row_time(bsi_time time);

#endif
