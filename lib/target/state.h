/* SPDX-License-Identifier: MIT */
#ifndef BSI_TARGET_STATE_H
#define BSI_TARGET_STATE_H

#include <stdatomic.h>

#include "os/dir_cache.h"
#include "os/thread.h"
#include "os/users.h"
#include "target/inode_map.h"
#include "target/target.h"

/* What the files of this folder share, and nobody else sees. */

enum {
    BSI_TEMP_NAME_SIZE = 22, /* ".bsr-", 8 digits of the run, 8 of the file, NUL. */
    BSI_TARGET_NAME_SIZE = 256,
    BSI_TARGET_DEAD_RUNS = 16, /* More are left for the next restore. */
};

/* What is reported once, with a count, instead of for every entry. */
typedef enum bsi_target_loss {
    BSI_LOSS_OWNER,
    BSI_LOSS_MODE,
    BSI_LOSS_ACL,
    BSI_LOSS_XATTR,
    BSI_LOSS_TIME,
    BSI_LOSS_SET_ID,
    BSI_LOSS_PRIVILEGED,
    BSI_LOSS_HARD_LINK,
    BSI_LOSS_COUNT
} bsi_target_loss;

typedef struct bsi_loss_count {
    uint64_t count;
    bs_error first; /* What the first one failed with; code BS_OK: it was our decision. */
} bsi_loss_count;

/* A directory that files are being written to; shared by all of them. */
typedef struct bsi_target_place {
    atomic_uint references;
    int fd;
    bool made;        /* By this run: whatever it holds came from us or is an attack. */
    bool default_acl; /* New files get an ACL that is not theirs. */
    bool owner_known; /* The two below are set. */
    uint32_t uid;     /* Whose a new file is. */
    uint32_t gid;
    size_t path_size;
    char path[];
} bsi_target_place;

/* An owner rule with both sides looked up. */
typedef struct bsi_owner_match {
    const bsi_owner_rule *rule;
    bool from_is_id;
    uint32_t from;
    uint32_t to;
} bsi_owner_match;

/* A file system beneath the root. */
typedef struct bsi_target_mount {
    uint64_t dev;
    int fd;
} bsi_target_mount;

struct bsi_target {
    bsi_target_options options;
    const bs_call *call;
    int root;
    bool root_made; /* By this run. */
    bsi_dir_cache *cache;
    bsi_users *users;
    bsi_owner_match *owners;
    bsi_target_place *place; /* Of the last file; NULL: none. */
    bsi_inode_map made;      /* Directories of this run. */
    bsi_target_mount *mounts;
    size_t mount_count;
    uint32_t uid; /* Whose our files are before they get an owner. */

    /* The run's mark in the root, locked while it lives, and those of dead runs, locked by us. */
    uint32_t run;
    int mark;
    uint32_t dead_runs[BSI_TARGET_DEAD_RUNS];
    int dead_marks[BSI_TARGET_DEAD_RUNS];
    size_t dead_count;
    uint32_t next_temp;

    atomic_bool leftovers;    /* Some temporary file would not go: the marks stay. */
    atomic_bool user_refused; /* Files cannot be given to other users here. */
    bsi_mutex lock;           /* Guards the rest; nothing is called while it is held. */
    bsi_inode_map linked;     /* Files with several names. */
    bsi_loss_count losses[BSI_LOSS_COUNT];
};

/* run.c: temporary names, marks, sweeping. */
BS_NODISCARD bs_status bsi_target_mark(bsi_target *target);
void bsi_target_unmark(bsi_target *target);
/* Remove a temporary file; what stays a later restore sweeps. Leaves the error record alone. */
void bsi_target_discard(bsi_target *target, int dir, const char *temp);
void bsi_target_temp_name(bsi_target *target, char out[BSI_TEMP_NAME_SIZE]);
BS_NODISCARD bs_status bsi_target_sweep_fd(bsi_target *target, int dir);

/* report.c */
/* Put the path in front of the record. */
bs_status bsi_target_fail(bs_status status, bsi_slice path);
/* Report the record about `path`, and BS_PARTIAL. */
bs_status bsi_target_leave_out(bsi_target *target, bsi_slice path);
/* The answer for an entry: BS_E_EXISTS is reported and survived, the rest gets its path. */
bs_status bsi_target_answer(bsi_target *target, bs_status status, bsi_slice path);
/* Count the present record, or, with BS_OK, what we decided ourselves. */
void bsi_target_lose(bsi_target *target, bsi_target_loss loss, bs_status status);
void bsi_target_report_losses(bsi_target *target);

/* dir.c */
/* What every call for an entry begins with. */
BS_NODISCARD bs_status bsi_target_admit(bsi_target *target, const bsi_entry *entry);
/* The directory of `path`, made if missing; the last component goes to `name`. One more reference.
 */
BS_NODISCARD bs_status bsi_target_enter(bsi_target *target, bsi_slice path,
                                        char name[BSI_TARGET_NAME_SIZE], bsi_target_place **out);
void bsi_target_place_unref(bsi_target_place *place);
/* Whether what is there may be replaced. */
bool bsi_target_may_replace(const bsi_target *target, const bsi_target_place *place);
/* BS_E_EXISTS when the name is taken and must stay. */
BS_NODISCARD bs_status bsi_target_check_free(const bsi_target *target,
                                             const bsi_target_place *place, const char *name);
/* Give a finished temporary file its name. */
BS_NODISCARD bs_status bsi_target_publish(const bsi_target *target, const bsi_target_place *place,
                                          const char *temp, const char *name);

/* owner.c */
BS_NODISCARD bs_status bsi_target_owners_load(bsi_target *target);
/* Ids to set, or BSI_KEEP_ID. */
void bsi_target_owner(bsi_target *target, const bsi_entry *entry, uint32_t *uid_out,
                      uint32_t *gid_out);
/* What rules say of an id in an ACL. */
uint32_t bsi_target_map_id(const bsi_target *target, bool group, uint32_t id);

/* meta.c: what an entry wants to be, in memory of its own. */
typedef struct bsi_target_attr {
    const char *name;
    const uint8_t *value;
    size_t size;
    unsigned stage; /* When in the order of bsi_target_meta_apply() it is set. */
} bsi_target_attr;

typedef struct bsi_target_meta {
    bsi_file_type type;
    uint32_t mode;
    uint32_t uid; /* Or BSI_KEEP_ID. */
    uint32_t gid;
    bool set_time;
    bool has_acl;              /* Among the attributes. */
    uint32_t acl_group_rights; /* What the ACL gives the owning group. */
    bsi_time mtime;
    bsi_target_attr *attrs; /* One allocation with all they point at. */
    size_t attr_count;
} bsi_target_meta;

/* What the thing is before. */
typedef struct bsi_target_now {
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    bool foreign_acl; /* Carries an ACL, perhaps, that is not the entry's. */
} bsi_target_now;

BS_NODISCARD bs_status bsi_target_meta_load(bsi_target *target, const bsi_entry *entry,
                                            bsi_target_meta *out);
void bsi_target_meta_dispose(bsi_target_meta *meta);
/* Take away the ACLs that a new file or directory got from its parent. */
BS_NODISCARD bs_status bsi_target_drop_acl(int fd, bsi_file_type type, bool keep_access);
/* Any thread. Fails only with what puts the content in doubt; the rest is counted. */
BS_NODISCARD bs_status bsi_target_meta_apply(bsi_target *target, int fd,
                                             const bsi_target_meta *meta,
                                             const bsi_target_now *now);

#endif
