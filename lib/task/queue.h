/* SPDX-License-Identifier: MIT */
#ifndef BSI_TASK_QUEUE_H
#define BSI_TASK_QUEUE_H

#include "task/call.h"

/*
 * A bounded first-in-first-out queue of pointers between threads: any number
 * of them may push and pop. The items stay whose they were. Waiting ends
 * within 50 ms when the call is cancelled or its time is over.
 */
typedef struct bsi_queue bsi_queue;

/* Holds up to `capacity` items, at least 1. */
BS_NODISCARD bs_status bsi_queue_new(size_t capacity, bsi_queue **out);

/* Nobody may be waiting any more; items left inside are forgotten. NULL is ignored. */
void bsi_queue_free(bsi_queue *queue);

/* Waits while the queue is full. BS_E_CANCELLED when it is closed: the item was not taken. */
BS_NODISCARD bs_status bsi_queue_push(bsi_queue *queue, const bs_call *call, void *item);

/* Waits while the queue is empty. BS_END when it is closed and nothing is left. */
BS_NODISCARD bs_status bsi_queue_pop(bsi_queue *queue, const bs_call *call, void **item_out);

/* No more items come; what is inside can still be popped. More than once is harmless. */
void bsi_queue_close(bsi_queue *queue);

#endif
