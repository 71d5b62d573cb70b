/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_REPO_MODEL_H
#define TESTS_SUPPORT_REPO_MODEL_H

#include "repo/check.h"
#include "repo/prune.h"
#include "repo/repository.h"
#include "repo/save.h"
#include "task/pool.h"

/*
 * A small repository in memory, and snapshots in it whose content follows from numbers:
 * file N has the same one blob of some hundred bytes wherever it is. Even numbers lie in
 * the folder "even", odd ones beside it.
 */
enum { MODEL_PACK_TARGET = 8000 };

typedef struct repo_model {
    bsi_storage *faulty;
    bsi_repo *repo;
    bsi_pool *pool;
    uint64_t index_memory_most; /* As the environment has it; see support/index_memory.h. */
    int temp_dir;
} repo_model;

void model_start(repo_model *self, uint32_t version);
void model_end(repo_model *self);
/* For cmocka: a model of version 2 as the state. */
int model_setup(void **state);
int model_teardown(void **state);

/* As much as can be is pruned, with the model's packs and threads. */
bsi_prune_options model_prune_options(const repo_model *self);

/* A snapshot of the numbers from `first` on, each `step`-th, `count` of them. */
typedef struct model_files {
    uint32_t first;
    uint32_t step;
    uint32_t count;
} model_files;

/* Back up. `blind`: without looking at what is there, as somebody at the same time would. */
bsi_digest model_backup(repo_model *self, model_files files, bool blind);

/* The ids of the trees of such a snapshot, of its root alone, and of the blob of a file. */
void model_trees(model_files files, bsi_digest out[2]);
bsi_digest model_tree(model_files files);
bsi_digest model_blob(uint32_t number);

/* The plain bytes of a file. */
enum { MODEL_FILE_MAX = 1000 };
size_t model_content(uint32_t number, uint8_t out[MODEL_FILE_MAX]);

void model_forget(repo_model *self, const bsi_digest *snapshot);

/* BS_OK when all of a snapshot can be read and is right, whatever else is damaged. */
bs_status model_restore(repo_model *self, const bsi_digest *snapshot, model_files files);

/* Check all data: nothing is wrong. What is worth a note is counted. */
bsi_check_report model_check(repo_model *self);

/* Where the blob of a type and id lies first, and in which pack that of a file. */
bsi_blob_place model_place(repo_model *self, bsi_blob_type type, const bsi_digest *id);
bsi_digest model_pack(repo_model *self, uint32_t number);

/* How many files of a kind there are. */
size_t model_count(repo_model *self, bsi_repo_kind kind);
uint64_t model_bytes(repo_model *self, bsi_repo_kind kind);

/* Open the repository anew on the same storage, as another process would. */
void model_reopen(repo_model *self);

#endif
